"""The last accepted configuration, kept on disk for a start while the real file is broken.

Kept is the text as it was accepted, with references unresolved, so no secret is in it; its first
line says where relative paths start. It is a file that `sluicegate run` takes.
"""

from __future__ import annotations

from pathlib import Path

from sluicegate.store.private_file import private_folder, replace

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
        private_folder(self.path.parent)
        replace(self.path, source)

    def kept(self) -> bool:
        """Whether there is one."""
        return self.path.is_file()
