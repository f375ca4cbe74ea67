from __future__ import annotations

import stat
from pathlib import Path

import msgspec
from structlog.testing import capture_logs

from sluicegate.metrics import Metrics
from sluicegate.store.contract import DataKey, Revision
from sluicegate.store.kept_snapshot import KeptSnapshot, SnapshotFile, pack, unpack
from sluicegate.store.seal import Seal

PEPPERS = {"main": "m" * 32}
NOW = 1_700_000_000_000_000


def revision(number: int, content: bytes | None = b"{}") -> Revision:
    return Revision(
        f"id-{number}", "route", f"r{number}", number << 16, "eu", content,
        None, None, "alice", "10.0.0.1", "apply", NOW, number,
    )  # fmt: skip


SNAPSHOT = KeptSnapshot(
    "eu", 7, [revision(1), revision(2, None)], [DataKey("i", "k", "main", b"\0\xff", NOW)]
)


def seal() -> Seal:
    return Seal(PEPPERS, Metrics())


def test_what_was_packed_is_the_same_again() -> None:
    assert unpack(pack(SNAPSHOT)) == [SNAPSHOT]


def test_what_is_not_ours_to_read_is_nothing() -> None:
    assert unpack(b"") == []
    assert unpack(b"not zlib") == []
    assert unpack(pack(SNAPSHOT)[:-6]) == []


def test_arrivals_of_other_kinds_make_no_other_snapshot() -> None:
    assert SNAPSHOT.same_as(msgspec.structs.replace(SNAPSHOT, arrival=99))
    assert not SNAPSHOT.same_as(msgspec.structs.replace(SNAPSHOT, data_keys=[]))
    assert not SNAPSHOT.same_as(msgspec.structs.replace(SNAPSHOT, revisions=[revision(3)]))
    assert not SNAPSHOT.same_as(msgspec.structs.replace(SNAPSHOT, region="us"))


def test_the_file_is_private_and_read_by_whoever_has_the_pepper(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "data", Metrics())
    assert file.read("snapshot:eu", seal(), NOW) == []
    file.write("snapshot:eu", pack(SNAPSHOT), seal())
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.read("snapshot:eu", seal(), NOW) == [SNAPSHOT]
    assert file.read("snapshot:eu", seal(), NOW * 2) == [SNAPSHOT], "it does not expire"
    assert file.read("snapshot:us", seal(), NOW) == []
    assert file.read("snapshot:eu", Seal({"other": "o" * 32}, Metrics()), NOW) == []


def test_a_file_that_was_changed_is_not_read(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path, Metrics())
    file.write("snapshot:eu", pack(SNAPSHOT), seal())
    whole = bytearray(file.path.read_bytes())
    whole[-1] ^= 1
    file.path.write_bytes(whole)
    assert file.read("snapshot:eu", seal(), NOW) == []


def test_a_disk_that_cannot_be_written_is_counted_and_said_once(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file in the folder's place")
    metrics = Metrics()
    file = SnapshotFile(tmp_path / "data", metrics)
    with capture_logs() as lines:
        for _ in range(3):
            file.write("snapshot:eu", b"payload", seal())
    assert [line["event"] for line in lines] == ["store_snapshot_not_written"]
    assert metrics.families["sluicegate_store_snapshot_write_failures_total"].cell().value == 3
