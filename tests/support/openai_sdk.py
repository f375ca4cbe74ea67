"""The official OpenAI SDK against bytes that a test has: the independent reader of the dialect."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
from openai import OpenAI

from sluicegate.llm.failure import Kind

RAISED: dict[Kind, type[openai.APIStatusError]] = {
    "invalid_request": openai.BadRequestError,
    "unsupported": openai.BadRequestError,
    "context_length": openai.BadRequestError,
    "authentication": openai.AuthenticationError,
    "permission": openai.PermissionDeniedError,
    "not_found": openai.NotFoundError,
    "conflict": openai.ConflictError,
    "rate_limited": openai.RateLimitError,
    "quota": openai.RateLimitError,
    "server_error": openai.InternalServerError,
    "bad_answer": openai.InternalServerError,
    "overloaded": openai.InternalServerError,
    "timeout": openai.InternalServerError,
}
"""What the SDK makes of a failure."""


class Recorded:
    """An SDK whose server answers every request alike, and keeps what it was sent."""

    def __init__(self, body: bytes, status: int = 200, kind: str = "application/json") -> None:
        self.sent: list[dict[str, Any]] = []

        def answer(request: httpx2.Request) -> httpx2.Response:
            self.sent.append(json.loads(request.content))
            return httpx2.Response(status, content=body, headers={"content-type": kind})

        transport = httpx2.MockTransport(answer)
        self.client = OpenAI(
            api_key="k",
            base_url="http://gateway/v1",
            max_retries=0,
            http_client=httpx2.Client(transport=transport),
        )

    def close(self) -> None:
        self.client.close()


def completion_of(body: bytes, call: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what the SDK reads of a whole answer, and what it has sent."""
    sdk = Recorded(body)
    try:
        return sdk.client.chat.completions.create(**call), sdk.sent[0]
    finally:
        sdk.close()


def streamed_of(body: bytes, call: dict[str, Any]) -> Any:
    """Return the completion that the SDK puts together from a stream."""
    sdk = Recorded(body, kind="text/event-stream")
    try:
        with sdk.client.chat.completions.stream(**call) as stream:
            for _ in stream:
                pass
            return stream.get_final_completion()
    finally:
        sdk.close()


def error_of(body: bytes, status: int, call: dict[str, Any]) -> Exception:
    """Return the exception that the SDK raises."""
    sdk = Recorded(body, status)
    try:
        sdk.client.chat.completions.create(**call)
    except Exception as error:  # noqa: BLE001 - it is what the test asks for
        return error
    finally:
        sdk.close()
    raise AssertionError("the SDK took it for an answer")
