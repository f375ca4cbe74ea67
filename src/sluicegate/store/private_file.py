"""Files that only our user may read, written whole or not at all. All calls block."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

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


def open_to(found: os.stat_result) -> Literal["others", "group", "nobody"]:
    """Say who else may use a file that was looked at: anybody, its group, or nobody else.

    A file that somebody else owns and that we read as one of its group is for us: Kubernetes gives
    files of a Secret to root, mode 0440, and to the pod's `fsGroup`.
    """
    mode = stat.S_IMODE(found.st_mode)
    if mode & stat.S_IRWXO:
        return "others"
    given = found.st_uid != os.geteuid() and found.st_gid in {os.getegid(), *os.getgroups()}
    allowed = stat.S_IRGRP if given else 0
    return "group" if mode & stat.S_IRWXG & ~allowed else "nobody"


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


def mode_of(found: os.stat_result) -> str:
    """Return the mode of a file as chmod takes it: `0600`."""
    return f"{stat.S_IMODE(found.st_mode):04o}"
