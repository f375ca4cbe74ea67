from __future__ import annotations

import pytest

from sluicegate.model.units import convert
from sluicegate.settings import State
from sluicegate.state.redis.address import Endpoint, StateAddress, parse_address, state_faults


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://", StateAddress("memory")),
        ("redis://a.example", StateAddress("single", endpoints=(Endpoint("a.example", 6379),))),
        ("redis://10.0.0.5:1/3", StateAddress("single", False, (Endpoint("10.0.0.5", 1),), "", 3)),
        ("rediss://[::1]:6380", StateAddress("single", True, (Endpoint("::1", 6380),))),
        ("unix:///run/v.sock", StateAddress("single", endpoints=(Endpoint("", 0, "/run/v.sock"),))),
        (
            "redis+sentinel://a,b:5/main/2",
            StateAddress("sentinel", False, (Endpoint("a", 26379), Endpoint("b", 5)), "main", 2),
        ),
        (
            "rediss+cluster://a:1,b",
            StateAddress("cluster", True, (Endpoint("a", 1), Endpoint("b", 6379))),
        ),
    ],
)
def test_a_url_says_where_the_state_is(url: str, expected: StateAddress) -> None:
    assert convert({"url": url}, State).url == url
    assert parse_address(url) == expected
    assert not state_faults(State(url=url))


@pytest.mark.parametrize(
    ("settings", "field", "words"),
    [
        (State(url="redis://a,b"), "url", "redis+sentinel"),
        (State(url="redis://a:0"), "url", "1 to 65535"),
        (State(url="redis://a:65536"), "url", "1 to 65535"),
        (State(url="redis://"), "url", "host:port"),
        (State(url="redis://a/x"), "url", "`/0`"),
        (State(url="unix://run"), "url", "unix:///run"),
        (State(url="redis+sentinel://a"), "url", "after the last `/`"),
        (State(url="redis+cluster://a/1"), "url", "one database"),
        (State(url="memory://x"), "url", "expected `memory://`"),
        (State(url="redis://a", username="u"), "username", "password"),
        (State(url="redis://a", sentinel_username="u"), "sentinel_username", "sentinel_password"),
        (convert({"url": "redis://a", "tls": {}}, State), "tls", "rediss"),
        (convert({"url": "rediss://a", "tls": {"key": "k"}}, State), "tls", "together"),
        (convert({"timeout": 0}, State), "timeout", "above"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(
    settings: State, field: str, words: str
) -> None:
    ((found, message),) = state_faults(settings)
    assert found == field
    assert words in message


def test_an_endpoint_is_written_as_it_was_read() -> None:
    assert str(Endpoint("::1", 1)) == "[::1]:1"
    assert str(Endpoint("a", 1)) == "a:1"
    assert str(Endpoint("", 0, "/run/v.sock")) == "/run/v.sock"


def test_what_may_be_a_password_is_not_quoted() -> None:
    for url in ("redis://user:TOPSECRET@h:x", "redis://a,user:TOP@SECRET@h:x"):
        with pytest.raises(ValueError, match="found `…@h:x`; expected `host:port`"):
            parse_address(url)
