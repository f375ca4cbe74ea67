"""`Idempotency-Key` on POST: what is sent twice is done once (draft-ietf-httpapi-idempotency-key).

The same key of the same caller with the same request gets the first answer again, marked
`Idempotent-Replayed: true`; with another request 422; while the first is under way in this replica
409. Answers are kept in the store for a day, without the secrets of new keys and tokens: where one
was, the answer says null. A request that was refused has done nothing, and nothing is kept of it.

Two replicas that get the same key at the same moment both do the request; so does one that ends
between doing it and keeping the answer.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import structlog

from sluicegate.admin.identity import behind
from sluicegate.errors import BAD_CONTENT, CONFLICT, INVALID, Refused, StoreAway
from sluicegate.store.contract import Answer

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from sluicegate.admin.control import Control
    from sluicegate.admin.identity import Who

FIELD: Final = b"idempotency-key"
KEY: Final = re.compile(r'"?([!#-\[\]-~]{1,255})"?')
"""A string of RFC 9651, with or without its quotes; 255 characters as Stripe takes."""
SECRETS: Final = ("key", "token")
"""Members of an answer that are shown once."""
WRITTEN_SECRET: Final = re.compile(rb"\bsga?_[a-z0-9-]{1,32}_[0-9A-Za-z]{57}\b")
DONE: Final = range(200, 300)
"""Statuses of what was done."""
REPLAYED: Final = (b"idempotent-replayed", b"true")


class Idempotency:
    """An ASGI middleware behind the door: it knows who is asking."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, answer it from the store, or raise Refused."""
        request = cast("dict[str, Any]", scope)
        key = _key(request)
        if key is None:
            await self._app(scope, receive, send)
            return
        who: Who = request["user"]
        place = (who.name, key)
        under_way = behind(request).under_way
        if place in under_way:
            raise Refused(CONFLICT, "a request with this Idempotency-Key is under way")
        under_way.add(place)
        try:
            body = await _read(receive)
            asked = _hash(request, body)
            kept = await behind(request).control.store.remembered(*place)
            if kept is not None:
                await _replay(kept, asked, send)
                return
            answer = _Answer()
            await self._app(scope, _again(body), answer.take)
            if answer.status in DONE:
                await _keep(behind(request).control, place, asked, answer)
            for message in answer.messages:
                await send(message)
        finally:
            under_way.discard(place)


async def _keep(control: Control, place: tuple[str, str], asked: str, answer: _Answer) -> None:
    """Keep an answer; where that fails the caller gets it all the same."""
    body = without_secrets(answer.body())
    if body is None:
        return
    try:
        kept = Answer(asked, answer.status, answer.headers(), body)
        await control.store.remember(*place, kept)
    except StoreAway:
        structlog.get_logger().warning("an answer was not kept", actor=place[0])


class _Answer:
    """What the application has answered."""

    def __init__(self) -> None:
        self.status = 0
        self.messages: list[Message] = []

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.messages.append(message)

    def body(self) -> bytes:
        return b"".join(m["body"] for m in self.messages if m["type"] == "http.response.body")

    def headers(self) -> dict[str, str]:
        return {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for message in self.messages
            if message["type"] == "http.response.start"
            for name, value in message["headers"]
            if name.lower() != b"content-length"
        }


def without_secrets(body: bytes) -> bytes | None:
    """Return an answer as it may be kept; None for one that still holds a secret."""
    try:
        content = msgspec.json.decode(body)
    except msgspec.DecodeError:
        content = None
    if isinstance(content, dict) and any(content.get(member) for member in SECRETS):
        content |= {member: None for member in SECRETS if member in content}
        body = msgspec.json.encode(content)
    return None if WRITTEN_SECRET.search(body) else body


def _key(request: dict[str, Any]) -> str | None:
    """Return a request's key. Raises Refused (400) for one that is none."""
    values = [value for name, value in request["headers"] if name == FIELD]
    if request["method"] != "POST" or not values:
        return None
    match = KEY.fullmatch(values[0].decode("latin-1"))
    if match is None or len(values) > 1:
        raise Refused(BAD_CONTENT, "expected one Idempotency-Key of up to 255 characters")
    return match[1]


def _hash(request: dict[str, Any], body: bytes) -> str:
    parts = (request["path"].encode(), request["query_string"], body)
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


async def _read(receive: Receive) -> bytes:
    """Return the whole body, which the bridge has bounded."""
    pieces = []
    more = True
    while more:
        message = cast("dict[str, Any]", await receive())
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def _again(body: bytes) -> Receive:
    """Return a `receive` that gives the body to whoever comes next."""

    async def receive() -> Any:  # noqa: ANN401 - one of the framework's own many message types
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _replay(kept: Answer, asked: str, send: Send) -> None:
    """Answer as before. Raises Refused (422) where something else was asked then."""
    if not hmac.compare_digest(kept.request, asked):
        raise Refused(INVALID, "this Idempotency-Key was used for another request")
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.headers.items()
    ]
    length = (b"content-length", b"%d" % len(kept.body))
    start = {
        "type": "http.response.start",
        "status": kept.status,
        "headers": [*headers, length, REPLAYED],
    }
    await send(cast("Message", start))
    await send(
        cast("Message", {"type": "http.response.body", "body": kept.body, "more_body": False})
    )
