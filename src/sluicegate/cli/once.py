"""What is shown once: a new key or token goes to the terminal, or into a file of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.store.private_file import sync_folder

if TYPE_CHECKING:
    from sluicegate.cli.remote import Session


def show_once(
    session: Session, make: Callable[[], Any], file: Path | None, field: str = "key"
) -> None:
    """Make something and show its secret `field`, or write it to a new file of mode 0600.

    Raises CommandFailed before anything is made where there is a file of that name, or none can
    be made. Where nothing was made no file stays.
    """
    if file is None:
        made = dict(make())
        session.output.result(made, [f"{each + ':':<6} {made[each]}" for each in ("name", field)])
        session.output.remark(f"this {field} is not shown again")
        return
    with _new(file) as opened:
        made = dict(make())
        try:
            opened.write(f"{made[field]}\n".encode())
            opened.flush()
            os.fsync(opened.fileno())
            sync_folder(file.parent)
        except OSError as error:
            message = f"{file}: the {field} could not be kept: {error.strerror or error}"
            lines = [f"revoke {made['name']} and make another"]
            raise CommandFailed(Exit.REFUSED, message, lines) from None
    made[field] = None
    session.output.result(made, [f"name: {made['name']}", f"file: {file}"])


@contextmanager
def _new(file: Path) -> Iterator[IO[bytes]]:
    """Open a new file of mode 0600, which is gone again where the block fails."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        message = f"{file}: there is one already; nothing was made"
        raise CommandFailed(Exit.REFUSED, message) from None
    except OSError as error:
        message = f"{file}: cannot be made: {error.strerror}; nothing was made"
        raise CommandFailed(Exit.REFUSED, message) from None
    with os.fdopen(descriptor, "wb") as opened:
        try:
            yield opened
        except BaseException:  # an interrupt too
            file.unlink(missing_ok=True)
            raise
