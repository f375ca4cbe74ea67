"""`sluicegate secret`: texts that stored resources name as `${secret:name}`. None is ever shown."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.kinds import path_of
from sluicegate.cli.remote import Session, remote
from sluicegate.cli.resource import After, Limit, Prefix, collect, print_page
from sluicegate.cli.table import cell

COLUMNS: Final = ("name", "changed_at", "changed_by")
Name = Annotated[str, typer.Argument(help="Its name.")]


def group() -> typer.Typer:
    """Return the sub-commands."""
    app = typer.Typer(help="Set, list, delete and re-encrypt secrets.", no_args_is_help=True)
    app.command("set")(remote(set_))
    app.command("list")(remote(list_))
    app.command("delete")(remote(delete))
    app.command("rotate")(remote(rotate))
    return app


def set_(
    session: Session,
    name: Name,
    *,
    file: Annotated[
        Path | None, typer.Option(help="File that holds it; otherwise standard input is read.")
    ] = None,
) -> None:
    """Store a secret; a line's end after it is left out. Never give one as an argument."""
    value = _read(file).removesuffix("\n").removesuffix("\r")
    if not value:
        raise CommandFailed(Exit.USAGE, "there is nothing in it")
    session.client.ask("PUT", path_of("secret", name), body={"value": value})
    session.output.result({"name": name})
    session.output.remark(f"secret {name} is set; `${{secret:{name}}}` stands for it")


def list_(
    session: Session, *, prefix: Prefix = None, limit: Limit = 1000, after: After = None
) -> None:
    """List the names of secrets."""
    page = collect(session, path_of("secret"), limit, prefix=prefix, after=after)
    rows = [[item.get(column) for column in COLUMNS] for item in page["items"]]
    print_page(session, page, COLUMNS, rows)


def delete(session: Session, name: Name) -> None:
    """Delete a secret that no stored resource names."""
    session.client.ask("DELETE", path_of("secret", name))
    session.output.result({"deleted": name})
    session.output.remark(f"secret {name} is deleted")


def rotate(session: Session) -> None:
    """Encrypt all secrets anew, under a new data key and the first master key."""
    with session.output.working("all secrets are encrypted anew, in one request"):
        done = session.client.ask("POST", "/secret-rotation").body
    session.output.result(done, [f"{field}: {cell(value)}" for field, value in done.items()])


def _read(file: Path | None) -> str:
    if file is None and sys.stdin.isatty():
        return str(typer.prompt("Secret", hide_input=True, err=True))
    try:
        raw = sys.stdin.buffer.read() if file is None else file.read_bytes()
        return raw.decode()
    except OSError as error:
        raise CommandFailed(Exit.REFUSED, f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandFailed(Exit.REFUSED, "it is not UTF-8; write bytes as base64") from None
