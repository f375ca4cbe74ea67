from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.cache.kept import FORM, Kept, read, write

KEPT = Kept(FORM, [(b"a", b"\xff")], None, b"body", [1, 3], [0, 5], 1_000_000, 7)


def test_an_answer_reads_back_as_it_was_written() -> None:
    assert read(write(KEPT)) == KEPT


def test_an_answer_of_another_version_is_none() -> None:
    assert read(write(msgspec.structs.replace(KEPT, form=FORM + 1))) is None


@given(st.binary(max_size=64))
def test_what_is_no_answer_is_none(value: bytes) -> None:
    assert read(value) is None


def test_an_answer_ages_from_what_it_was() -> None:
    assert KEPT.age(3_999_999) == 9
    assert KEPT.age(0) == 7  # another replica's clock may be behind
