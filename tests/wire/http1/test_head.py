"""Request heads: the rules that a parser does not know."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import (
    EXPECTATION_FAILED,
    MALFORMED,
    NOT_IMPLEMENTED,
    VERSION_NOT_SUPPORTED,
    Problem,
    Refused,
)
from sluicegate.exchange import Client, Request
from sluicegate.settings import Http
from sluicegate.wire.http1.head import Head, IdSource
from sluicegate.wire.http1.names import RequestNames

CLIENT = Client("192.0.2.1", 40000, "http", 8080)


def head(*fields: tuple[bytes, bytes], target: bytes = b"/", http: Http | None = None) -> Head:
    """Return a head as the reader fills it."""
    names, made = RequestNames(), Head()
    made.target = target
    for raw, value in fields:
        name, kind = names[raw]
        if kind:
            made.take(kind, name, value, http or Http())
        else:
            made.headers.append((name, value))
    return made


def request(*fields: tuple[bytes, bytes], version: str = "1.1", target: bytes = b"/") -> Request:
    """Build the request of a head; a Host is added."""
    made = head((b"Host", b"a.example:8"), *fields, target=target)
    return made.request("GET", version, CLIENT, IdSource())


def test_a_request_knows_where_it_goes() -> None:
    made = request(target=b"/a/../b?c")
    assert (made.path, made.query, made.target) == ("/b", b"c", b"/a/../b?c")
    assert (made.host, made.authority) == ("a.example", b"a.example:8")
    assert (made.scheme, made.client_ip, made.body, made.upgrade) == (
        "http", "192.0.2.1", None, None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "version", "problem"),
    [
        ([(b"host", b"b")], "1.1", MALFORMED),
        ([(b"transfer-encoding", b"gzip")], "1.1", NOT_IMPLEMENTED),
        ([(b"transfer-encoding", b"chunked")], "1.0", MALFORMED),
        ([(b"expect", b"a miracle")], "1.1", EXPECTATION_FAILED),
        ([(b"a_b", b"c")], "1.1", MALFORMED),
        ([], "2.0", VERSION_NOT_SUPPORTED),
        ([], "0.9", VERSION_NOT_SUPPORTED),
    ],
)
def test_what_cannot_be_is_refused(
    fields: list[tuple[bytes, bytes]], version: str, problem: Problem
) -> None:
    with pytest.raises(Refused) as error:
        request(*fields, version=version)
    assert error.value.problem is problem


@pytest.mark.parametrize("fields", [(), ((b"host", b""),)])
@pytest.mark.parametrize("target", [b"/", b"http://b.example/"])
def test_http_1_1_needs_a_host_and_1_0_does_not(
    fields: tuple[tuple[bytes, bytes], ...], target: bytes
) -> None:
    with pytest.raises(Refused):
        head(*fields, target=target).request("GET", "1.1", CLIENT, IdSource())


def test_http_1_0_may_come_without_a_host() -> None:
    assert head().request("GET", "1.0", CLIENT, IdSource()).authority == b""


def test_underscores_may_be_allowed_but_never_tricks() -> None:
    allowing = Http(underscores="allow")
    assert head((b"a_b", b"c"), http=allowing).headers == [(b"a_b", b"c")]
    with pytest.raises(Refused):
        head((b"Content_Length", b"1"), http=allowing)


@given(st.lists(st.sampled_from([b"x-a", b"X-B", b"close", b"", b" keep-alive ", b"upgrade"])))
def test_what_connection_names_is_dropped_and_nothing_else(tokens: list[bytes]) -> None:
    fields = [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-c", b"3"), (b"X-A", b"4")]
    made = request(*fields, (b"Connection", b",".join(tokens)))
    named = {token.strip().lower() for token in tokens}
    left = [(name.lower(), value) for name, value in fields if name.lower() not in named]
    assert [
        pair for pair in made.headers if pair[0].startswith(b"x-") and len(pair[0]) == 3
    ] == left


@pytest.mark.parametrize(
    ("named", "version", "kept"),
    [
        (None, "1.1", True),
        (None, "1.0", False),
        (b"close", "1.1", False),
        (b"keep-alive, Close", "1.1", False),
        (b"Keep-Alive", "1.0", True),
        (b"x", "1.1", True),
    ],
)
def test_a_connection_is_kept_as_the_client_says(
    named: bytes | None, version: str, *, kept: bool
) -> None:
    made = head() if named is None else head((b"connection", named))
    assert made.keep_alive(version) is kept


def test_an_upgrade_needs_both_headers_and_http_1_1() -> None:
    upgrade, connection = (b"Upgrade", b"WebSocket"), (b"Connection", b"Upgrade")
    assert request(upgrade, connection).upgrade == "websocket"
    assert request(upgrade).upgrade is None
    assert request(connection).upgrade is None
    assert request(upgrade, connection, version="1.0").upgrade is None


def test_ids_that_come_are_kept_and_else_made() -> None:
    made = request(
        (b"X-Request-Id", b"abc"), (b"traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")
    )
    assert made.request_id == "abc"
    assert made.headers.get(b"traceparent") == b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"
    made = request()
    assert re.fullmatch("[0-9a-f]{32}", made.request_id)
    assert made.request_id.encode() in (made.headers.get(b"traceparent") or b"")


@pytest.mark.parametrize("bad", [b"", b"a b", b"a\nb", b"a" * 129, b'a"b', b"\xe4", b"abc\n"])
def test_a_bad_id_is_replaced(bad: bytes) -> None:
    made = request((b"x-request-id", bad))
    assert re.fullmatch("[0-9a-f]{32}", made.request_id)
    assert made.headers.get_all(b"x-request-id") == [made.request_id.encode()]


TRACE = b"1" * 32 + b"-" + b"2" * 16


@pytest.mark.parametrize(
    "value", [b"00-" + TRACE + b"-01", b"cc-" + TRACE + b"-00", b"cc-" + TRACE + b"-01-new-fields"]
)
def test_a_trace_that_can_be_read_is_carried_on(value: bytes) -> None:
    made = request((b"traceparent", value), (b"tracestate", b"a=1"))
    assert made.headers.get_all(b"traceparent") == [value]
    assert made.headers.get(b"tracestate") == b"a=1"
    assert not made.own_trace


@pytest.mark.parametrize(
    "values",
    [
        [b""],
        [b"00-" + TRACE],
        [b"00-" + TRACE + b"-01-more"],
        [b"ff-" + TRACE + b"-01"],
        [b"00-" + b"0" * 32 + b"-" + b"2" * 16 + b"-01"],
        [b"00-" + b"1" * 32 + b"-" + b"0" * 16 + b"-01"],
        [b"00-" + TRACE + b"-01", b"00-" + TRACE + b"-01"],
    ],
)
def test_a_trace_that_cannot_be_read_begins_anew_without_its_state(values: list[bytes]) -> None:
    made = request(*((b"traceparent", value) for value in values), (b"tracestate", b"a=1"))
    (traceparent,) = made.headers.get_all(b"traceparent")
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-00", traceparent)
    assert TRACE not in traceparent
    assert made.headers.get(b"tracestate") is None
    assert made.own_trace


def test_without_a_trace_one_is_begun() -> None:
    assert request().own_trace


def test_ids_do_not_repeat() -> None:
    source = IdSource()
    assert len({source.hex() for _ in range(2000)}) == 2000


def test_a_request_that_could_not_be_read_has_a_stand_in_with_an_id() -> None:
    made = head((b"x-request-id", b"theirs"), target=b"/x").refused_request("-", CLIENT, IdSource())
    assert (made.method, made.path, made.target, made.body) == ("-", "-", b"/x", None)
    assert made.request_id != "theirs"
