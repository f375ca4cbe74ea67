from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sluicegate.admin.bridge import LARGE, MAX_BODY, Bridge, scope_of
from sluicegate.errors import Refused
from sluicegate.exchange import Exchange
from support.exchanges import body, exchange, sink


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what came, in two pieces."""
    message = await receive()
    headers = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"99"), (b"x-a", b"1")]
    await send({"type": "http.response.start", "status": 201, "headers": headers})
    await send({"type": "http.response.body", "body": scope["path"].encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b" " + message["body"]})


def whole(data: bytes) -> Any:
    made = body(data, len(data))
    made.end(None)
    return made


def ask(app: Any, asked: Exchange) -> Any:
    asyncio.run(Bridge(app).handle(asked))
    return sink(asked)


def test_what_the_application_answers_is_sent_with_framing_of_our_own() -> None:
    answer = ask(echo, exchange("POST", "/admin/v1/keys", request_body=whole(b"hello")))
    assert (answer.status, answer.body, answer.ended) == (201, b"/admin/v1/keys hello", True)
    assert answer.length == len(answer.body)
    assert answer.header("content-length") is None
    assert (answer.header("content-type"), answer.header("x-a")) == ("text/plain", "1")


def test_the_application_is_told_who_asks_and_how() -> None:
    asked = exchange(
        "HEAD", "/admin/v1/a%2Fb%20c", query="x=%2F", headers={"accept": "*/*"}, scheme="https"
    )
    scope = scope_of(asked, 0)
    assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "GET", "https")
    assert (scope["path"], scope["raw_path"]) == ("/admin/v1/a\ue000b c", b"/admin/v1/a%2Fb%20c")
    assert (scope["query_string"], scope["client"]) == (b"x=%2F", ("192.0.2.7", 40000))
    assert scope["headers"] == [(b"host", b"api.example.com"), (b"accept", b"*/*")]


@pytest.mark.parametrize(
    ("path", "most"), [("/admin/v1/keys", MAX_BODY), ("/admin/v1/apply", LARGE["/admin/v1/apply"])]
)
def test_a_body_that_is_too_large_is_refused_unread(path: str, most: int) -> None:
    for made in (body(length=most + 1), body(b"x" * (most + 1))):
        with pytest.raises(Refused) as refused:
            ask(echo, exchange("POST", path, request_body=made))
        assert refused.value.problem.status == 413
    answer = ask(echo, exchange("POST", path, request_body=whole(b"x" * most)))
    assert len(answer.body) == len(path) + 1 + most


class Slow:
    """An application that takes its time, and hears when the client leaves."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.done = self.heard = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        self.begun.set()
        await self.go.wait()
        self.heard = (await receive())["type"] == "http.disconnect"
        await echo(scope, lambda: asyncio.sleep(0, {"body": b""}), send)
        self.done = True


@pytest.mark.parametrize(("method", "goes_on"), [("GET", False), ("PUT", True), ("POST", True)])
def test_a_client_that_leaves_ends_a_read_and_not_a_write(method: str, *, goes_on: bool) -> None:
    async def work() -> None:
        app = Slow()
        bridge = Bridge(app)
        asked = exchange(method, "/admin/v1/keys", request_body=whole(b"x"))
        task = asyncio.ensure_future(bridge.handle(asked))
        await app.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        app.go.set()
        await bridge.close()
        for _ in range(5):  # for a read that goes on where it should not
            await asyncio.sleep(0)
        assert app.done == app.heard == goes_on
        assert not sink(asked).ended

    asyncio.run(work())


def test_an_application_that_says_nothing_is_a_mistake() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        """Say nothing."""

    with pytest.raises(RuntimeError):
        ask(silent, exchange("GET", "/admin/v1/keys"))


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        ask(echo, exchange("GET", "/admin/v1/%FF"))
    assert refused.value.problem.status == 400
