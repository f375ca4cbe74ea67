from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.team import Team
from sluicegate.store.kept_record import Record, RecordForm

HASH = "main:" + "0" * 64
NAMES = st.none() | st.sampled_from(["free", "pro"])
TEXTS = st.lists(st.sampled_from(["GET", "PUT"]), max_size=2)
KEYS = st.builds(
    Key,
    hash=st.just(HASH),
    description=st.text(max_size=5),
    expires=st.none() | st.just(datetime(2027, 1, 31, 12, 30, 0, 123456, UTC)),
    plan=NAMES,
    routes=TEXTS,
    methods=TEXTS,
    ip_ranges=st.sampled_from([[], ["10.0.0.0/8"]]),
    scopes=TEXTS,
)
CONSUMERS = st.builds(
    Consumer, plan=NAMES, team=NAMES, limits=st.sampled_from([{}, {"api": ["50/second"]}])
)
FOUND = st.builds(
    FoundKey, st.just("sg_eu_AbCd0123"), KEYS, st.text(max_size=5), CONSUMERS,
    st.none() | st.builds(Team, plan=NAMES),
)  # fmt: skip


@effort(max_examples=50)
@given(st.integers(0, 2**63 - 1), st.none() | FOUND)
def test_what_was_written_is_read_the_same(version: int, found: FoundKey | None) -> None:
    form = RecordForm()
    assert form.read(form.write(Record(version, found))) == Record(version, found)


def test_fields_that_say_nothing_are_left_out() -> None:
    found = FoundKey("name", Key(hash=HASH), "alice", Consumer(), None)
    written = msgspec.msgpack.decode(RecordForm().write(Record(7, found)))
    assert written == [
        7,
        {
            "name": "name",
            "key": {"hash": HASH},
            "consumer_name": "alice",
            "consumer": {},
            "team": None,
        },
    ]


def test_what_only_the_stored_form_of_a_key_has_is_left_out() -> None:
    class Wider(Key, frozen=True, kw_only=True):
        consumer: str

    found = FoundKey("name", Wider(hash=HASH, consumer="alice"), "alice", Consumer(), None)
    read = RecordForm().read(RecordForm().write(Record(7, found)))
    assert read == Record(7, msgspec.structs.replace(found, key=Key(hash=HASH)))


def test_what_a_newer_version_may_have_written_is_nothing() -> None:
    for wrong in (b"", b"\xc1", msgspec.msgpack.encode([7, {"name": "n", "rank": 1}])):
        assert RecordForm.read(wrong) is None
