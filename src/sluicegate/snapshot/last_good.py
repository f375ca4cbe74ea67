"""The last accepted configuration, kept on disk for a start while the real file is broken.

Kept is the text as it was accepted, with references unresolved, so no secret is in it; its first
line says where relative paths start. It is a file that `sluicegate run` takes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

NAME = "last-good.yml"


class LastGood:
    """The kept configuration of one gateway. All calls block, for the time of a small write."""

    def __init__(self, data_dir: str | Path) -> None:
        """Keep it in `data_dir`, which is made, private, when there is something to keep."""
        self.path = Path(data_dir) / NAME

    def keep(self, source: bytes) -> None:
        """Replace what is kept by `source` (see `Loaded.source`), whole or not at all.

        Raises OSError, and then the old one is still there.
        """
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file with mode 0600.
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=f".{NAME}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(source)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(folder)

    def kept(self) -> bool:
        """Whether there is one."""
        return self.path.is_file()


def _sync_folder(folder: Path) -> None:
    """Make the rename outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
