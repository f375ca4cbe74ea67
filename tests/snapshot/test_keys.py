from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.consumer import Consumer, Key
from sluicegate.model.key import MAX_KEY_BYTES
from sluicegate.snapshot.keys import (
    DirectoryBuilder,
    KeyDirectory,
    KeyFault,
    KeyRecord,
    digest,
    hold,
)

OWN = b"o" * 32
PEPPERS = {"first": b"p" * 32, "second": b"q" * 32}
ALICE = Consumer(plan="free")


def hashed(key: bytes, pepper: str = "first") -> Key:
    made = hmac.new(PEPPERS[pepper], key, hashlib.sha256).hexdigest()
    return Key(hash=f"{pepper}:{made}")


def directory(**keys: list[Key]) -> KeyDirectory:
    builder = DirectoryBuilder(PEPPERS, OWN)
    for name, held in keys.items():
        for index, key in enumerate(held):
            assert builder.add(hold(name, ALICE, index, key, PEPPERS, OWN)) is None
    return builder.directory()


def test_a_key_is_found_by_its_hash_or_by_its_value() -> None:
    keys = directory(
        alice=[hashed(b"alice's key"), hashed(b"her other key", "second")],
        bob=[Key(value="bob's key, 16 bytes")],
    )
    for presented, name in (
        (b"alice's key", "alice"),
        (b"her other key", "alice"),
        (b"bob's key, 16 bytes", "bob"),
    ):
        record = keys.find(presented)
        assert record is not None
        assert (record.consumer_name, record.plan, record.consumer) == (name, "free", ALICE)
    assert keys.size == 3


@pytest.mark.parametrize(
    "presented", [b"", b"alice's ke", b"alice's key ", b"ALICE'S KEY", b"\xff"]
)
def test_any_other_key_is_nobodys(presented: bytes) -> None:
    assert directory(alice=[hashed(b"alice's key")]).find(presented) is None
    assert KeyDirectory().find(presented) is None


@given(pepper=st.binary(min_size=1, max_size=200), key=st.binary(max_size=MAX_KEY_BYTES))
def test_a_look_up_computes_the_hmac_that_is_stored(pepper: bytes, key: bytes) -> None:
    record = KeyRecord("alice", ALICE, None, "id")
    held = {hmac.digest(pepper, key, "sha256"): record}
    assert KeyDirectory([("p", pepper, held)]).find(key) is record


def test_a_key_that_is_too_long_is_not_even_hashed() -> None:
    longest, longer = b"k" * MAX_KEY_BYTES, b"k" * (MAX_KEY_BYTES + 1)
    keys = directory(alice=[hashed(longest), hashed(longer)])
    assert keys.find(longest) is not None
    assert keys.find(longer) is None


def test_the_stored_hash_itself_is_no_key() -> None:
    key = hashed(b"alice's key")
    assert key.hash is not None
    keys = directory(alice=[key])
    assert keys.find(key.hash.encode()) is None
    assert keys.find(bytes.fromhex(key.hash.partition(":")[2])) is None


def test_nothing_that_is_held_contains_a_key() -> None:
    value = "sg_local_abcdefgh" + "S3cret" * 8
    held = hold("alice", ALICE, 0, Key(value=value), PEPPERS, OWN)
    assert "S3cret" not in repr(held)
    assert held.digest == digest(OWN, value.encode())


def test_a_key_id_is_short_stable_and_tells_keys_apart() -> None:
    keys = [hashed(b"1"), hashed(b"2"), Key(value="v" * 16), Key(value="w" * 16)]
    ids = [hold("alice", ALICE, i, key, PEPPERS, OWN).record.key_id for i, key in enumerate(keys)]
    other_process = [
        hold("alice", ALICE, i, key, PEPPERS, b"x" * 32).record.key_id for i, key in enumerate(keys)
    ]
    assert ids == other_process
    assert len(set(ids)) == 4
    assert {len(key_id) for key_id in ids} == {8}


def test_a_key_id_gives_away_neither_key_nor_digest() -> None:
    key = hashed(b"alice's key")
    assert key.hash is not None
    key_id = hold("alice", ALICE, 0, key, PEPPERS, OWN).record.key_id
    assert key_id not in key.hash
    assert not hashlib.sha256(b"alice's key").hexdigest().startswith(key_id)
    one = hold("alice", ALICE, 0, Key(value="v" * 16), PEPPERS, OWN).record.key_id
    two = hold("alice", ALICE, 0, Key(value="w" * 16), PEPPERS, OWN).record.key_id
    assert one == two


def test_the_public_part_of_a_key_that_has_one_is_its_id() -> None:
    key = Key(value="sg_eu-west_Ab3dEf9h" + "x" * 43 + "abcdef")
    assert hold("alice", ALICE, 0, key, PEPPERS, OWN).record.key_id == "sg_eu-west_Ab3dEf9h"


def test_a_key_of_two_consumers_is_noticed_and_one_given_twice_is_not() -> None:
    builder = DirectoryBuilder(PEPPERS, OWN)
    assert builder.add(hold("alice", ALICE, 0, hashed(b"k"), PEPPERS, OWN)) is None
    assert builder.add(hold("alice", ALICE, 1, hashed(b"k"), PEPPERS, OWN)) is None
    assert builder.add(hold("bob", ALICE, 0, hashed(b"k"), PEPPERS, OWN)) == "alice"


@pytest.mark.parametrize(
    ("key", "part"),
    [
        (Key(), ""),
        (Key(hash="first:" + "0" * 64, value="v" * 16), ""),
        (Key(hash="third:" + "0" * 64), "hash"),
        (Key(value="secret" * 50), "value"),
        (Key(value="secret" * 5, ip_ranges=["10.0.0.0/8", "home"]), "ip_ranges"),
        (Key(value="secret" * 5, routes=["a*b"]), "routes"),
    ],
)
def test_a_key_that_could_never_be_found_is_a_fault_that_does_not_show_it(
    key: Key, part: str
) -> None:
    with pytest.raises(KeyFault) as caught:
        hold("alice", ALICE, 0, key, PEPPERS, OWN)
    assert caught.value.part == part
    assert "secret" not in str(caught.value)


def test_a_look_up_digests_once_for_each_pepper_that_has_keys() -> None:
    digested: list[bytes] = []

    class Held(dict[bytes, KeyRecord]):
        def get(self, kept: bytes, default: Any = None) -> Any:  # type: ignore[override]
            digested.append(kept)
            return super().get(kept, default)

    records = {digest(OWN, b"key %d" % i): KeyRecord("c", ALICE, None, "k") for i in range(1000)}
    tables = [(None, OWN, Held(records)), *((name, PEPPERS[name], Held()) for name in PEPPERS)]
    keys = KeyDirectory(tables)
    assert keys.find(b"key 999") is not None
    assert keys.find(b"nobody's") is None
    assert keys.find(b"x" * (MAX_KEY_BYTES + 1)) is None
    assert digested == [digest(OWN, b"key 999"), digest(OWN, b"nobody's")]


def test_peppers_are_there_for_stored_keys_though_nothing_in_the_file_is_under_them() -> None:
    keys = directory(alice=[Key(value="a" * 16)])
    assert set(keys.peppers) == set(PEPPERS)
    for name, secret in PEPPERS.items():
        assert keys.peppers[name].digest(b"k") == digest(secret, b"k")
        assert not keys.peppers[name].held


def test_what_is_written_beside_a_key_holds_for_it() -> None:
    key = Key(value="v" * 16, plan="gold", scopes=["a"], methods=["GET"], ip_ranges=["10.0.0.0/8"])
    record = hold("alice", ALICE, 0, key, PEPPERS, OWN).record
    assert (record.plan, record.scopes) == ("gold", ("a",))
    assert record.restriction is not None
    assert hold("alice", ALICE, 0, Key(value="v" * 16), PEPPERS, OWN).record.restriction is None
