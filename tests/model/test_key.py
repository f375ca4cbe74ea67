from __future__ import annotations

import re
import zlib

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.key import DIGITS, base62, new_key


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
