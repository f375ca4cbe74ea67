"""`cors`: what a browser is told, on preflights, answers and errors."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.errors import FORBIDDEN
from sluicegate.exchange import Exchange
from sluicegate.journey.screen.cors import Config, Policy
from sluicegate.model.units import convert
from support.exchanges import ClientSide, exchange, parts, run, target
from support.mock_clock import MockClock

APP = "https://app.example.com"
ORIGINS = [APP, "https://*.example.org", "http://*.example.net:8080"]


def policy(**config: Any) -> Policy:
    return Policy(convert({"origins": ORIGINS, **config}, Config), parts(MockClock()))


async def never(_: Exchange) -> None:
    raise AssertionError("went on")


def preflight(chosen: Policy, origin: str = APP, **headers: str) -> ClientSide:
    asked = {"origin": origin, "access-control-request-method": "PUT", **headers}
    return run(chosen, exchange("OPTIONS", headers=asked), never)


def origin_of(chosen: Policy, origin: str) -> str | None:
    return run(chosen, exchange(headers={"origin": origin})).header("access-control-allow-origin")


def test_a_preflight_is_answered_here_with_what_a_page_may_do() -> None:
    sent = preflight(policy(max_age="1h", credentials=True))
    assert (sent.status, sent.body) == (204, b"")
    assert dict(sent.headers) == {
        b"vary": b"origin, access-control-request-method, access-control-request-headers",
        b"access-control-allow-origin": APP.encode(),
        b"access-control-allow-credentials": b"true",
        b"access-control-allow-methods": b"GET, HEAD, POST, PUT, PATCH, DELETE",
        b"access-control-max-age": b"3600",
        b"access-control-allow-headers": b"authorization, content-type, x-api-key",
    }


def test_a_preflight_from_elsewhere_is_told_nothing() -> None:
    sent = preflight(policy(), "https://evil.example")
    assert sent.status == 204
    assert [name for name, _ in sent.headers] == [b"vary"]


def test_a_star_allows_the_headers_that_are_asked_for() -> None:
    wanted = {"access-control-request-headers": "x-a, x-b"}
    chosen = policy(headers=["*"])
    assert preflight(chosen, **wanted).header("access-control-allow-headers") == "x-a, x-b"
    assert preflight(chosen).header("access-control-allow-headers") is None
    strange = {"access-control-request-headers": "x-a;\x01"}
    assert preflight(chosen, **strange).header("access-control-allow-headers") is None


def test_options_that_is_no_preflight_goes_on() -> None:
    for headers in ({}, {"origin": APP}, {"access-control-request-method": "PUT"}):
        sent = run(policy(), exchange("OPTIONS", headers=headers), target(200, data=b"theirs"))
        assert sent.body == b"theirs"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (APP, True),
        ("https://a.example.org", True),
        ("https://a.b.example.org", True),
        ("http://a.example.net:8080", True),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://app.example.com.evil.example", False),
        ("https://example.org", False),
        ("https://.example.org", False),
        ("https://evil.example/.example.org", False),
        ("https://evil.example?.example.org", False),
        ("https://evil@a.example.org", False),
        ("https://evilexample.org", False),
        ("http://a.example.net", False),
        ("null", False),
        ("*", False),
        ("", False),
    ],
)
def test_only_the_named_origins_are_allowed(origin: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert origin_of(policy(), origin) == (origin if allowed else None)


def test_null_is_allowed_only_by_name() -> None:
    assert origin_of(policy(origins=["null"]), "null") == "null"


def test_a_star_allows_every_page_and_varies_by_none() -> None:
    sent = run(policy(origins=["*"]), exchange(headers={"origin": "https://any.example"}))
    assert dict(sent.headers) == {b"access-control-allow-origin": b"*"}


def test_answers_vary_by_origin_even_for_those_who_sent_none() -> None:
    sent = run(policy(), exchange(), target(200, {"vary": "accept"}))
    assert sent.headers.get_all(b"vary") == [b"accept", b"origin"]
    assert sent.header("access-control-allow-origin") is None


def test_what_a_target_says_about_cors_is_replaced() -> None:
    theirs = {"access-control-allow-origin": "*", "access-control-allow-credentials": "true"}
    for origin, expected in ((APP, APP), ("https://evil.example", None)):
        sent = run(policy(), exchange(headers={"origin": origin}), target(200, theirs))
        assert sent.header("access-control-allow-origin") == expected
        assert sent.header("access-control-allow-credentials") is None


def test_a_page_can_read_errors_and_the_headers_it_may() -> None:
    async def refuse(asked: Exchange) -> None:
        asked.refuse(FORBIDDEN)

    chosen = policy(expose=["retry-after", "ratelimit"], credentials=True)
    sent = run(chosen, exchange(headers={"origin": APP}), refuse)
    assert sent.status == 403
    assert sent.header("access-control-allow-origin") == APP
    assert sent.header("access-control-allow-credentials") == "true"
    assert sent.header("access-control-expose-headers") == "retry-after, ratelimit"


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"origins": ["*"], "credentials": True}, "every origin has to be named"),
        ({"origins": ["null"], "credentials": True}, "every origin has to be named"),
        ({"origins": ["app.example.com"]}, "is no origin: write `https://app.example.com`"),
        ({"origins": [APP + "/"]}, "is no origin"),
        ({"origins": ["https://*"]}, "is no origin"),
        ({"origins": ["https://App.example.com"]}, "lower case"),
        ({"origins": ["https://a.*.example.com"]}, "is no origin"),
        ({"origins": []}, "length >= 1"),
        ({"origins": [APP], "headers": ["x y"]}, "`x y` is no method or header name"),
        ({"origins": [APP], "expose": ["a\r\nb"]}, "is no method or header name"),
        ({"origins": [APP], "expose": ["*"], "credentials": True}, "is named"),
    ],
)
def test_what_browsers_would_not_take_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(config, Config)
    assert advice in str(caught.value)
