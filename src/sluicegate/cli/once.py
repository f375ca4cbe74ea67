"""What is shown once: a new key or token goes to the terminal, or into a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.store.private_file import create

if TYPE_CHECKING:
    from sluicegate.cli.remote import Session


def show_once(
    session: Session, make: Callable[[], Any], file: Path | None, field: str = "key"
) -> None:
    """Make something and show its secret `field`, or write it to a new file of mode 0600.

    Raises CommandFailed before anything is made where there is a file of that name.
    """
    if file is not None and file.exists():
        raise CommandFailed(Exit.REFUSED, f"{file}: there is one already; nothing was made")
    made = dict(make())
    if file is None:
        session.output.result(made, [f"{each + ':':<6} {made[each]}" for each in ("name", field)])
        session.output.remark(f"this {field} is not shown again")
        return
    try:
        written = create(file, f"{made[field]}\n".encode())
    except OSError as error:
        _lost(made, file, field, error.strerror or str(error))
    else:
        if not written:
            _lost(made, file, field, "somebody else has made it meanwhile")
    made[field] = None
    session.output.result(made, [f"name: {made['name']}", f"file: {file}"])


def _lost(made: dict[str, Any], file: Path, field: str, why: str) -> None:
    message = f"{file}: the {field} could not be kept: {why}"
    raise CommandFailed(Exit.REFUSED, message, [f"revoke {made['name']} and make another"])
