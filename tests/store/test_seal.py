from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sluicegate.metrics import Metrics
from sluicegate.store.seal import FOREVER_US, Seal

PEPPERS = {"main": "m" * 32}
NOW = 1_700_000_000_000_000


def seal(peppers: dict[str, str] = PEPPERS) -> Seal:
    return Seal(peppers, Metrics())


@settings(max_examples=30)
@given(st.text(), st.binary(), st.integers(NOW + 1, FOREVER_US))
def test_what_was_sealed_opens_under_the_same_name_until_it_expires(
    name: str, payload: bytes, expires_us: int
) -> None:
    sealed = seal().seal(name, payload, expires_us)
    assert seal().open(name, sealed, NOW) == payload
    assert seal().open(name, sealed, expires_us - 1) == payload
    assert seal().open(name, sealed, expires_us) is None
    assert seal().open(name + "x", sealed, NOW) is None


@settings(max_examples=30)
@given(st.binary(max_size=20), st.data())
def test_a_changed_bit_anywhere_opens_nothing(payload: bytes, data: st.DataObject) -> None:
    sealed = bytearray(seal().seal("name", payload, NOW + 1))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert seal().open("name", bytes(sealed), NOW) is None


@settings(max_examples=30)
@given(st.binary(max_size=100))
def test_what_was_never_sealed_opens_nothing(sealed: bytes) -> None:
    assert seal().open("name", sealed, NOW) is None
    assert seal().open("name", b"1" + sealed, NOW) is None


def test_a_sealed_payload_that_was_cut_short_opens_nothing() -> None:
    sealed = seal().seal("name", b"payload", NOW + 1)
    assert all(seal().open("name", sealed[:size], NOW) is None for size in range(len(sealed)))


def test_any_known_pepper_opens_and_the_first_seals() -> None:
    before = seal().seal("name", b"payload", NOW + 1)
    both = seal({"next": "n" * 32, **PEPPERS})
    assert both.open("name", before, NOW) == b"payload"
    assert seal({"next": "n" * 32}).open("name", before, NOW) is None
    after = both.seal("name", b"payload", NOW + 1)
    assert seal({"next": "n" * 32}).open("name", after, NOW) == b"payload"


def test_without_a_pepper_nothing_is_sealed_and_nothing_opens() -> None:
    assert not seal({}).usable
    with pytest.raises(ValueError, match="no pepper"):
        seal({}).seal("name", b"payload", NOW + 1)
    assert seal({}).open("name", seal().seal("name", b"payload", NOW + 1), NOW) is None


def test_what_is_refused_is_counted_and_said_once_and_expiry_is_not() -> None:
    metrics = Metrics()
    ours = Seal(PEPPERS, metrics)
    refused = metrics.families["sluicegate_store_seals_refused_total"].cell()
    with capture_logs() as lines:
        assert ours.open("name", ours.seal("name", b"", NOW), NOW) is None
        assert refused.value == 0
        for _ in range(3):
            ours.open("key:a", b"forged", NOW)
    assert refused.value == 3
    assert lines == [
        {"event": "store_seal_refused", "log_level": "warning", "record": "key:a"},
    ]
