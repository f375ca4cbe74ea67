from __future__ import annotations

import re
import zlib

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.key import DIGITS, base62, new_key, parse


def test_a_key_has_its_written_form() -> None:
    assert re.fullmatch(r"sg_eu-1_[0-9A-Za-z]{8}[0-9A-Za-z]{43}[0-9A-Za-z]{6}", new_key("eu-1"))


def test_no_two_keys_are_alike() -> None:
    keys = {new_key("local") for _ in range(200)}
    assert len(keys) == len({key[9:17] for key in keys}) == len({key[17:-6] for key in keys}) == 200


def test_the_check_sum_notices_a_key_that_was_cut_off() -> None:
    key = new_key("local")
    assert key[-6:] == base62(zlib.crc32(key[:-6].encode()), 6)
    assert key[-7:-1] != base62(zlib.crc32(key[:-7].encode()), 6)


@given(st.binary(min_size=32, max_size=32))
def test_every_secret_fits_and_reads_back(secret: bytes) -> None:
    text = base62(int.from_bytes(secret), 43)
    assert len(text) == 43
    value = 0
    for character in text:
        value = value * 62 + DIGITS.index(character)
    assert value.to_bytes(32) == secret


REGIONS = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)


@given(REGIONS)
def test_a_key_gives_its_name_and_a_token_is_no_key(region: str) -> None:
    key, token = new_key(region).encode(), new_key(region, "sga").encode()
    assert parse(key) == key[:-49] == f"sg_{region}_".encode() + key[-57:-49]
    assert parse(token, b"sga") == token[:-49]
    assert parse(token) is parse(key, b"sga") is None


@given(region=REGIONS, place=st.integers(0, 200), put=st.integers(0, 255), data=st.data())
def test_a_key_with_one_character_changed_lost_or_added_is_none(
    region: str, place: int, put: int, data: st.DataObject
) -> None:
    key = new_key(region).encode()
    place %= len(key)
    changed = key[:place] + bytes([put]) + key[place + 1 :]
    lost = key[:place] + key[place + 1 :]
    added = key[:place] + bytes([put]) + key[place:]
    for each in (changed, lost, added):
        assert each == key or parse(each) is None
    assert parse(key + data.draw(st.sampled_from([b"\n", b" ", b"\0"]))) is None


@given(st.binary(max_size=400))
def test_what_anybody_makes_up_is_no_key(shown: bytes) -> None:
    assert parse(shown) is None
    assert parse(b"sg_local_" + shown) is None
