"""`sluicegate key offline`: a key, and the form of it that a configuration file may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sluicegate.cli.exits import Exit
from sluicegate.model.key import new_key


def offline(
    pepper_file: Annotated[
        Path, typer.Option(help="File that holds the pepper, as `${file:…}` would read it.")
    ],
    pepper: Annotated[str, typer.Option(help="Name of the pepper under `peppers`.")] = "main",
    region: Annotated[str, typer.Option(help="Region to name in the key.")] = "local",
) -> None:
    """Make a key without a gateway: prints it once, and its hash for a consumer's `keys`."""
    # Imported here: the other commands about keys need nothing of the data plane.
    from sluicegate.snapshot.keys import digest  # noqa: PLC0415 - see above
    from sluicegate.snapshot.rules import PEPPER_BYTES  # noqa: PLC0415 - see above

    try:
        secret = pepper_file.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeError) as error:
        typer.echo(f"{pepper_file}: cannot be read: {error}", err=True)
        raise typer.Exit(Exit.REFUSED) from None
    if len(secret.encode()) < PEPPER_BYTES:
        message = f"{pepper_file}: a pepper has at least {PEPPER_BYTES} bytes"
        typer.echo(message, err=True)
        raise typer.Exit(Exit.REFUSED)
    made = new_key(region)
    typer.echo(f"key:  {made}")
    typer.echo(f"hash: {pepper}:{digest(secret.encode(), made.encode()).hex()}")
