from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.retry_after import retry_after_s

DATE = b"Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({b"retry-after": b"7"}, 7),
        ({b"retry-after": b"0.5"}, 0.5),
        ({b"retry-after": b"7", b"retry-after-ms": b"600"}, 0.6),
        ({b"retry-after": b"Wed, 21 Oct 2015 07:28:30 GMT", b"date": DATE}, 30),
        ({b"retry-after": b"Wed, 21 Oct 2015 07:27:30 GMT", b"date": DATE}, 0),
        ({b"retry-after": b"-3"}, 0),
        ({b"retry-after": DATE}, None),
        ({b"retry-after": b"soon", b"date": DATE}, None),
        ({b"retry-after": b"nan"}, None),
        ({b"retry-after": b"inf"}, None),
        ({}, None),
    ],
)
def test_a_wait_is_read_in_seconds(headers: dict[bytes, bytes], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


@given(st.binary(), st.binary())
def test_whatever_stands_there_is_a_wait_or_none(value: bytes, date: bytes) -> None:
    wait = retry_after_s({b"retry-after": value, b"date": date, b"retry-after-ms": date})
    assert wait is None or wait >= 0
