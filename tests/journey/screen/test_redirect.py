"""`redirect`: where a client is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.screen.redirect import Config, Policy
from sluicegate.model.units import convert
from support.exchanges import ClientSide, exchange, parts, run
from support.mock_clock import MockClock


async def never(_: Exchange) -> None:
    raise AssertionError("went on")


def send(config: dict[str, Any], asked: Exchange | None = None) -> ClientSide:
    policy = Policy(convert(config, Config), parts(MockClock()))
    return run(policy, asked or exchange(path="/a/b", query="c=%20d"), never)


@pytest.mark.parametrize(
    ("config", "location"),
    [
        ({"host": "new.example.com"}, "http://new.example.com/a/b?c=%20d"),
        ({"host": "new.example.com:81"}, "http://new.example.com:81/a/b?c=%20d"),
        ({"path": "/x"}, "http://api.example.com/x?c=%20d"),
        ({"scheme": "https", "host": "[::1]", "path": "/"}, "https://[::1]/?c=%20d"),
        ({"scheme": "https", "when_scheme": "http"}, "https://api.example.com/a/b?c=%20d"),
    ],
)
def test_what_is_not_given_stays_as_asked(config: dict[str, Any], location: str) -> None:
    sent = send(config)
    assert (sent.status, sent.header("location")) == (308, location)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_status_can_be_chosen(status: int) -> None:
    assert send({"path": "/x", "status": status}).status == status


def test_a_port_stays_with_its_scheme() -> None:
    asked = exchange(path="/a")
    asked.request.authority = b"api.example.com:8080"
    assert send({"path": "/b"}, asked).header("location") == "http://api.example.com:8080/b"
    asked = exchange(path="/a")
    asked.request.authority = b"api.example.com:8080"
    upgrade = {"scheme": "https", "when_scheme": "http"}
    assert send(upgrade, asked).header("location") == "https://api.example.com/a"


def test_requests_of_another_scheme_go_on() -> None:
    config = convert({"scheme": "https", "when_scheme": "http"}, Config)
    policy = Policy(config, parts(MockClock()))
    assert run(policy, exchange(scheme="https")).status == 200
    assert run(policy, exchange(scheme="http"), never).status == 308


def test_bytes_that_no_uri_has_are_escaped() -> None:
    asked = exchange(path="/a", query="q=\xe9")
    assert send({"path": "/b"}, asked).header("location") == "http://api.example.com/b?q=%E9"
    assert send({"host": "b.example"}, exchange("OPTIONS", "*")).header("location") == (
        "http://b.example/"
    )


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({}, "write `scheme`, `host` or `path`"),
        ({"scheme": "https"}, "would lead to itself: add `when_scheme: http`"),
        ({"scheme": "http", "when_scheme": "http"}, "add `when_scheme: https`"),
        ({"host": "a b"}, "expected a host name"),
        ({"host": "user@evil.example"}, "expected a host name"),
        ({"path": "/a/../b"}, "write `/b`"),
        ({"path": "/a\r\nset-cookie: x"}, "control character"),
        ({"path": "a"}, "matching regex"),
        ({"path": "/a", "status": 200}, "Invalid enum value 200"),
    ],
)
def test_what_leads_nowhere_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(config, Config)
    assert advice in str(caught.value)
