from __future__ import annotations

from typing import Any

import pytest

from sluicegate.journey.cache.resource_keys import ResourceKeys
from support.exchanges import body, exchange


def key(*vary: bytes, shared: bool = False, consumer: str | None = None, **request: Any) -> Any:
    asked = exchange(**{"path": "/a", **request})
    asked.consumer_name = consumer
    return ResourceKeys(vary, shared=shared).of(asked)


def test_the_same_request_has_the_same_key() -> None:
    assert key() == key(client_ip="192.0.2.99", headers={"user-agent": "other"})
    assert len(key()) == 32


@pytest.mark.parametrize(
    "other",
    [
        {"method": "HEAD"},
        {"path": "/b"},
        {"query": ""},
        {"query": "a=b"},
        {"host": "other.example"},
        {"scheme": "https"},
        {"route": "others"},
        {"consumer": "ann"},
        {"headers": {"authorization": "Bearer x"}},
        {"headers": {"x-api-key": "x"}},
        {"headers": {"accept-encoding": "gzip"}},
    ],
)
def test_what_the_answer_may_depend_on_makes_another_key(other: dict[str, Any]) -> None:
    assert key(**other) not in (None, key())


def test_headers_count_that_the_policy_names() -> None:
    german = {"headers": {"accept-language": "de"}}
    assert key(**german) == key()
    assert key(b"accept-language", **german) != key(b"accept-language")
    twice = {"headers": [("accept-language", "de"), ("accept-language", "en")]}
    joined = {"headers": {"accept-language": "de, en"}}
    assert key(b"accept-language", **twice) != key(b"accept-language", **joined)


def test_callers_share_where_the_policy_says_so() -> None:
    assert key(shared=True, consumer="ann") == key(shared=True, consumer="bob")


@pytest.mark.parametrize(
    "other",
    [
        {"method": "POST"},
        {"method": "DELETE"},
        {"headers": {"range": "bytes=0-1"}},
        {"headers": {"cookie": "session=1"}},
        {"request_body": body(b"x")},
    ],
)
def test_what_is_like_no_other_has_no_key(other: dict[str, Any]) -> None:
    assert key(**other) is None


def test_cookies_are_headers_where_the_policy_names_them() -> None:
    one, two = ({"headers": {"cookie": each}} for each in ("a=1", "a=2"))
    assert key(b"cookie", **one) not in (None, key(b"cookie", **two))
