from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.headers import Headers
from sluicegate.journey.cache.caching import MOST_S, Wish, directives, is_shared, life_s, seconds

NOW_US = 1_700_000_000_000_000
KNOWN = (b"accept-encoding",)
Pairs = list[tuple[bytes, bytes]]


def life(*response: tuple[str, str], request: Pairs | None = None) -> float | None:
    told = [(name.encode(), value.encode()) for name, value in response]
    return life_s(Headers(request or []), told, KNOWN, 120, NOW_US)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("max-age=60", 60),
        ("max-age=60, s-maxage=10", 10),
        ('MAX-AGE="30"', 30),
        ("public", 120),
        ("max-age=0", None),
        ("max-age=nonsense", None),
        ("no-store", None),
        ("no-cache, max-age=60", None),
        ("private, max-age=60", None),
        ('private="set-cookie"', None),
    ],
)
def test_an_answer_is_good_for_as_long_as_it_says(said: str, expected: float | None) -> None:
    assert life(("cache-control", said)) == expected


def test_an_answer_that_says_nothing_is_good_for_as_long_as_the_policy_says() -> None:
    assert life() == 120


def test_an_answer_may_say_when_it_ends() -> None:
    date, end = formatdate(1_700_000_000, usegmt=True), formatdate(1_700_000_090, usegmt=True)
    assert life(("date", date), ("expires", end)) == 90
    assert life(("expires", end)) == 90
    assert life(("date", date), ("expires", "0")) is None
    assert life(("date", "nonsense"), ("expires", end)) == 90


def test_an_answer_that_was_old_when_it_came_is_good_for_less() -> None:
    assert life(("cache-control", "max-age=60"), ("age", "45")) == 15
    assert life(("cache-control", "max-age=60"), ("age", "60")) is None


def test_an_answer_to_credentials_is_kept_only_where_it_allows_that() -> None:
    request = [(b"authorization", b"Bearer x")]
    assert life(("cache-control", "max-age=60"), request=request) is None
    for grant in ("public", "s-maxage=60", "must-revalidate"):
        assert life(("cache-control", f"max-age=60, {grant}"), request=request) == 60


@pytest.mark.parametrize(
    ("header", "shared"),
    [
        ((b"vary", b"Accept-Encoding"), True),
        ((b"vary", b"accept-encoding, origin"), False),
        ((b"vary", b"*"), False),
        ((b"set-cookie", b"a=b"), False),
        ((b"cache-control", b"private"), False),
        ((b"cache-control", b"no-store"), False),
        ((b"cache-control", b"no-cache"), True),
    ],
)
def test_an_answer_is_for_everyone_unless_it_depends_on_who_asked(
    header: tuple[bytes, bytes], *, shared: bool
) -> None:
    assert is_shared([header], KNOWN) is shared


@pytest.mark.parametrize(
    ("headers", "reads", "keeps", "oldest_s"),
    [
        ([], True, True, MOST_S),
        ([(b"cache-control", b"no-store")], False, False, MOST_S),
        ([(b"cache-control", b"no-cache")], False, True, MOST_S),
        ([(b"cache-control", b"max-age=5")], True, True, 5),
        ([(b"pragma", b"no-cache")], False, True, MOST_S),
        ([(b"pragma", b"no-cache"), (b"cache-control", b"max-age=5")], True, True, 5),
    ],
)
def test_a_request_says_what_may_be_used(
    headers: Pairs, *, reads: bool, keeps: bool, oldest_s: int
) -> None:
    wish = Wish(Headers(headers))
    assert (wish.reads, wish.keeps, wish.oldest_s) == (reads, keeps, oldest_s)


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_nothing_that_a_service_says_breaks_it(said: bytes, other: bytes) -> None:
    response = [(b"cache-control", said), (b"expires", other), (b"date", other), (b"age", other)]
    good = life_s(Headers(), response, KNOWN, 120, NOW_US)
    assert good is None or good > 0
    assert isinstance(directives(Headers(response)), dict)


@given(st.text(max_size=30))
def test_seconds_are_never_negative_nor_endless(text: str) -> None:
    assert 0 <= seconds(text) <= MOST_S
