"""What `Retry-After` asks for."""

from __future__ import annotations

import pytest

from sluicegate.journey.dispatch.retry_after import seconds_of
from support.mock_clock import EPOCH_US


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"0", 0),
        (b"7", 7),
        (b" 7 ", 7),
        (b"Tue, 14 Nov 2023 22:13:30 GMT", 10),
        (b"Tue, 14 Nov 2023 22:13:10 GMT", 0),
        (b"soon", 0),
        (b"-1", 0),
        (b"1.5", 0),
        (b"", 0),
        (b"9" * 400, 999_999_999),
        (b"Tue, 99 Nov 99999 22:13:10 GMT", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: bytes, seconds: float) -> None:
    assert seconds_of(value, EPOCH_US) == pytest.approx(seconds)
