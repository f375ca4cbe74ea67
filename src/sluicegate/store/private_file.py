"""Files that only our user may read, written whole or not at all. All calls block."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def create(path: Path, content: bytes) -> bool:
    """Make a file of mode 0600 with that content; False where there is one, which stays.

    Of several that try at once one makes it, and none ever sees a part of it: a hard link of a
    finished file takes the name, and fails where it is taken (POSIX link, EEXIST). Raises OSError.
    """
    with _written(path, content) as temporary:
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


def replace(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in the place of whatever is there. Raises OSError."""
    with _written(path, content) as temporary:
        temporary.replace(path)
    sync_folder(path.parent)


def private_folder(folder: Path) -> None:
    """Make a folder of mode 0700 where there is none. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """Hold the content on disk under another name, which is gone in the end."""
    # mkstemp makes the file with O_EXCL and mode 0600.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
