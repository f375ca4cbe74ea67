"""`sluicegate key`: make a key, and the form of it that a configuration may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluicegate.model.key import new_key
from sluicegate.snapshot.keys import digest
from sluicegate.snapshot.rules import PEPPER_BYTES


def key(
    pepper_file: Annotated[
        Path, typer.Option(help="File that holds the pepper, as `${file:…}` would read it.")
    ],
    pepper: Annotated[str, typer.Option(help="Name of the pepper under `peppers`.")] = "main",
    region: Annotated[str, typer.Option(help="Region to name in the key.")] = "local",
) -> None:
    """Make a key: prints it once, and its hash to put under a consumer's `keys`."""
    try:
        secret = pepper_file.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeError) as error:
        typer.echo(f"{pepper_file}: cannot be read: {error}", err=True)
        raise typer.Exit(1) from None
    if len(secret.encode()) < PEPPER_BYTES:
        message = f"{pepper_file}: a pepper has at least {PEPPER_BYTES} bytes"
        typer.echo(message, err=True)
        raise typer.Exit(1)
    made = new_key(region)
    typer.echo(f"key:  {made}")
    typer.echo(f"hash: {pepper}:{digest(secret.encode(), made.encode()).hex()}")
