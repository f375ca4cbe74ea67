"""Anthropic's official SDK against bytes: what it sends, and what it makes of an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable

    from anthropic.types import Message

KEY = "caller-key"
SSE = {"content-type": "text/event-stream"}


def client(answer: Callable[[httpx2.Request], httpx2.Response]) -> anthropic.Anthropic:
    """Return the SDK with an answer to everything that it asks."""
    return anthropic.Anthropic(
        api_key=KEY,
        base_url="http://gateway.test",
        max_retries=0,
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )


def sent(call: dict[str, Any], answer: bytes) -> dict[str, Any]:
    """Return the body that the SDK sends for a call."""
    bodies: list[dict[str, Any]] = []

    def take(request: httpx2.Request) -> httpx2.Response:
        bodies.append(json.loads(request.read()))
        return httpx2.Response(200, content=answer, headers={"content-type": "application/json"})

    with client(take) as sdk:
        sdk.messages.create(**call)
    return bodies[0]


def received(call: dict[str, Any], body: bytes) -> Message:
    """Return the message that the SDK makes of a whole answer."""
    headers = {"content-type": "application/json"}
    with client(lambda _: httpx2.Response(200, content=body, headers=headers)) as sdk:
        message: Message = sdk.messages.create(**call)
        return message


def streamed(call: dict[str, Any], stream: bytes) -> Message:
    """Return the message that the SDK's accumulator makes of a stream."""
    with (
        client(lambda _: httpx2.Response(200, content=stream, headers=SSE)) as sdk,
        sdk.messages.stream(**call) as events,
    ):
        return events.get_final_message()


def refused(status: int, headers: dict[str, str], body: bytes) -> anthropic.APIStatusError:
    """Return the error that the SDK raises."""
    answer = httpx2.Response(status, content=body, headers=headers)
    with client(lambda _: answer) as sdk:
        try:
            sdk.messages.create(
                model="m", max_tokens=1, messages=[{"role": "user", "content": "Say something."}]
            )
        except anthropic.APIStatusError as error:
            return error
    message = "the SDK took an error for an answer"
    raise AssertionError(message)
