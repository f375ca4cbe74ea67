from __future__ import annotations

import msgspec

from sluicegate.model.archive import ArchivedCall
from support.archived import archived, written


def test_a_call_travels_whole() -> None:
    call = archived("a", left_out={"answer": "size"}, redacted=3)
    assert msgspec.msgpack.decode(written(call), type=ArchivedCall) == call


def test_what_an_older_worker_wrote_is_read() -> None:
    line = msgspec.msgpack.encode(["a", 1, 2, "ann"])
    assert msgspec.msgpack.decode(line, type=ArchivedCall) == ArchivedCall(
        id="a", at_us=1, until_us=2, consumer="ann"
    )
