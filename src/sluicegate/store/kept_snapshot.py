"""The configuration as it is kept for replicas that start while the store is away.

Packed: msgpack in zlib. On disk it is one sealed file that does not expire: a replica that was
there before would rather start with what it ran than not at all. It is sealed for another name than
in the state, where things expire.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from sluicegate.store.contract import DataKey, Revision
from sluicegate.store.private_file import private_folder, replace
from sluicegate.store.seal import FOREVER_US

if TYPE_CHECKING:
    from pathlib import Path

    from sluicegate.metrics import Metrics
    from sluicegate.store.seal import Seal

NAME: Final = "store.snapshot"
FAST: Final = 1
"""zlib's level: three times as fast as its default, and a tenth larger."""


class KeptSnapshot(msgspec.Struct, frozen=True):
    """The newest revisions of the configuration's kinds, up to an arrival, and all data keys."""

    region: str
    arrival: int
    revisions: list[Revision]
    data_keys: list[DataKey]

    def same_as(self, other: KeptSnapshot) -> bool:
        """Whether both hold the same, whatever else has arrived between them."""
        return self.region == other.region and self._ids() == other._ids()

    def _ids(self) -> list[str]:
        return [each.id for each in self.revisions] + [each.id for each in self.data_keys]


def pack(snapshot: KeptSnapshot) -> bytes:
    """Return it as bytes. Blocks for milliseconds per megabyte."""
    return zlib.compress(msgspec.msgpack.encode(snapshot), FAST)


def unpack(payload: bytes) -> list[KeptSnapshot]:
    """Return it in a list, which is empty where the bytes are another version's. Blocks as well."""
    try:
        return [msgspec.msgpack.decode(zlib.decompress(payload), type=KeptSnapshot)]
    except (zlib.error, msgspec.MsgspecError):
        return []


class SnapshotFile:
    """The file in `data_dir`. All calls block."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        """Keep it in `folder`, which is made, private, when there is something to keep."""
        self.path = folder / NAME
        self._failed = metrics.family(
            "sluicegate_store_snapshot_write_failures_total",
            "counter",
            "Failures to write the kept configuration to disk.",
        ).cell()
        self._failing = False

    def write(self, name: str, payload: bytes, seal: Seal) -> None:
        """Replace it; never raises. The first failure in a row is logged."""
        try:
            private_folder(self.path.parent)
            replace(self.path, seal.seal(_on_disk(name), payload, FOREVER_US))
        except OSError as error:
            self._failed.value += 1
            if self._failing:
                return
            self._failing = True
            structlog.get_logger().warning(
                "store_snapshot_not_written", file=str(self.path), error=error.strerror
            )
        else:
            self._failing = False

    def read(self, name: str, seal: Seal, now_us: int) -> list[KeptSnapshot]:
        """Return it in a list, which is empty where there is none for that name that is ours."""
        try:
            sealed = self.path.read_bytes()
        except OSError:
            return []
        payload = seal.open(_on_disk(name), sealed, now_us)
        return [] if payload is None else unpack(payload)


def _on_disk(name: str) -> str:
    return f"file:{name}"
