from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sluicegate.errors import (
    ConnectFailed,
    UpstreamError,
    UpstreamInvalid,
    UpstreamReset,
    UpstreamTimeout,
    UpstreamTooLarge,
)
from sluicegate.upstream.address_guard import AddressGuard
from sluicegate.upstream.fetcher import Fetcher
from sluicegate.upstream.resolve import Resolver
from support.loops import run
from support.mock_clock import MockClock
from support.services import surroundings
from support.upstreams import Script, Talk, Upstream, answering, chunked, reset, response

LOOPBACK = AddressGuard(["127.0.0.0/8"])
NEVER = float("inf")
Get = Callable[..., Awaitable[tuple[str, bytes]]]
Post = Callable[[str], Awaitable[int]]


def fetching(
    work: Callable[[Get, Upstream, MockClock], Awaitable[None]],
    script: Script | None = None,
    guard: AddressGuard = LOOPBACK,
) -> None:
    """Run `work` with a `get(path)` of what stands in for the internet: `host` is its name."""

    async def inner() -> None:
        upstream, clock = Upstream(script or answering(response())), MockClock()

        async def look_up(_: str) -> list[str]:
            return ["127.0.0.1"]

        await upstream.start()
        shared = surroundings(clock)
        resolver = Resolver(clock, look_up, guard=guard)
        fetcher = Fetcher(shared, resolver, guard, (upstream.port,))
        shared.deadlines.start()

        async def get(url: str, most: int = 100, until: float = NEVER) -> tuple[str, bytes]:
            return await fetcher.get(url.replace("host", f"host:{upstream.port}"), most, until)

        try:
            await work(get, upstream, clock)
            for _ in range(100):
                if upstream.open == 0:
                    break
                await asyncio.sleep(0.005)
            assert upstream.open == 0, "a connection was left"
        finally:
            shared.deadlines.stop()
            await resolver.close()
            await upstream.stop()

    run(inner())


def refused(url: str, error: type[UpstreamError], script: Script | None = None) -> None:
    async def work(get: Get, _: Upstream, __: MockClock) -> None:
        with pytest.raises(error):
            await get(url)

    fetching(work, script)


def test_what_is_there_comes_with_its_type() -> None:
    async def work(get: Get, upstream: Upstream, _: MockClock) -> None:
        assert await get("http://host/a.png?x=1") == ("image/png", b"PNG")
        (asked,) = upstream.requests
        assert asked.line == b"GET /a.png?x=1 HTTP/1.1"
        assert asked.get(b"host") == f"host:{upstream.port}".encode()
        assert asked.get(b"accept-encoding") == b"identity"
        assert asked.get(b"cookie") is None

    fetching(work, answering(response(200, {"Content-Type": "Image/PNG; q=1"}, b"PNG")))


def test_a_type_need_not_be_said() -> None:
    async def work(get: Get, _: Upstream, __: MockClock) -> None:
        assert await get("http://host") == ("", b"PNG")

    fetching(work, answering(chunked(b"P", b"NG")))


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a b", b"/a%20b"),
        ("/é", b"/%C3%A9"),
        ("/a%2Fb?c=%20&d=e f", b"/a%2Fb?c=%20&d=e%20f"),
        ("/a#part", b"/a"),
        ("?q", b"/?q"),
    ],
)
def test_a_path_is_escaped_where_a_head_cannot_hold_it(path: str, sent: bytes) -> None:
    async def work(get: Get, upstream: Upstream, _: MockClock) -> None:
        await get(f"http://host{path}")
        assert upstream.requests[0].target == sent

    fetching(work)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://example.com:81/", ConnectFailed),
        ("http://example.com:99999/", UpstreamInvalid),
        ("http://[::1/", UpstreamInvalid),
        ("http://user@example.com/", UpstreamInvalid),
        ("http://exa mple.com/", UpstreamInvalid),
        ("http://exämple.com/", UpstreamInvalid),
        ("http:///a", UpstreamInvalid),
        ("file:///etc/passwd", UpstreamInvalid),
        ("ftp://example.com/", UpstreamInvalid),
        ("", UpstreamInvalid),
    ],
)
def test_what_is_no_public_place_is_not_asked(url: str, error: type[UpstreamError]) -> None:
    refused(url, error)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "[::1]", "169.254.169.254", "0.0.0.0"])
def test_an_address_in_the_url_is_judged(host: str) -> None:
    async def work() -> None:
        clock = MockClock()
        shared = surroundings(clock)
        fetcher = Fetcher(shared, shared.resolver, AddressGuard())
        with pytest.raises(ConnectFailed):
            await fetcher.get(f"http://{host}/", 100, NEVER)

    run(work())


def test_so_are_the_addresses_that_a_name_leads_to() -> None:
    async def work(get: Get, upstream: Upstream, _: MockClock) -> None:
        with pytest.raises(ConnectFailed):
            await get("http://host/")
        assert upstream.connections == 0

    fetching(work, guard=AddressGuard())


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (answering(response(404)), UpstreamInvalid),
        (answering(response(302, {"Location": "http://10.0.0.1/"})), UpstreamInvalid),
        (answering(response(200, {"Content-Encoding": "gzip"}, b"x")), UpstreamInvalid),
        (answering(response(200, {}, b"x" * 101)), UpstreamTooLarge),
        (answering(chunked(*[b"x" * 60] * 2)), UpstreamTooLarge),
        (answering(b"nonsense\r\n\r\n"), UpstreamInvalid),
        (reset, UpstreamReset),
    ],
)
def test_what_is_not_a_small_whole_answer_is_an_error(
    script: Script, error: type[UpstreamError]
) -> None:
    refused("http://host/", error, script)


def test_there_is_an_end_to_waiting() -> None:
    async def silent(talk: Talk) -> None:
        await talk.request()
        await talk.gone()

    async def work(get: Get, upstream: Upstream, clock: MockClock) -> None:
        with pytest.raises(UpstreamTimeout):
            await get("http://host/", until=clock.monotonic())
        assert upstream.connections == 0
        asking = asyncio.ensure_future(get("http://host/", until=clock.monotonic() + 2))
        while not upstream.requests:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
        clock.advance(3)
        with pytest.raises(UpstreamTimeout):
            await asking

    fetching(work, silent)


def posting(
    work: Callable[[Post, Upstream], Awaitable[None]],
    script: Script,
    guard: AddressGuard = LOOPBACK,
) -> None:
    """Run `work` with a `post(url)` of a small JSON document."""

    async def inner() -> None:
        upstream, clock = Upstream(script), MockClock()
        await upstream.start()
        shared = surroundings(clock)
        fetcher = Fetcher(shared, shared.resolver, guard, (upstream.port,))

        async def post(url: str) -> int:
            where = url.replace("host", f"127.0.0.1:{upstream.port}")
            return await fetcher.post(where, [(b"x-name", b"value")], b'{"a":1}', NEVER)

        try:
            await work(post, upstream)
        finally:
            await upstream.stop()

    run(inner())


@pytest.mark.parametrize("status", [200, 204, 302, 404, 500])
def test_what_is_posted_arrives_whole_and_the_status_comes_back(status: int) -> None:
    async def work(post: Post, upstream: Upstream) -> None:
        assert await post("http://host/hook?x=1") == status
        (asked,) = upstream.requests
        assert asked.line == b"POST /hook?x=1 HTTP/1.1"
        assert (asked.get(b"x-name"), asked.get(b"content-length")) == (b"value", b"7")
        assert asked.body == b'{"a":1}'

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(response(status))

    posting(work, script)


def test_nothing_is_posted_to_a_private_address_that_is_not_allowed() -> None:
    async def work(post: Post, upstream: Upstream) -> None:
        with pytest.raises(ConnectFailed):
            await post("http://host/")
        assert upstream.connections == 0

    posting(work, answering(response()), AddressGuard())


def test_a_target_that_ends_without_an_answer_has_not_taken_it() -> None:
    async def work(post: Post, _: Upstream) -> None:
        with pytest.raises(UpstreamReset):
            await post("http://host/")

    posting(work, reset)
