"""botocore's client of Bedrock, which sends nothing: what it would send is kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.awsrequest import AWSResponse


class _Raw:
    """The bytes of an answer, in pieces that end anywhere."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        for start in range(0, len(self._body), 50):
            yield self._body[start : start + 50]


class BedrockSdk:
    """The official client; `sent` are the bodies of its requests."""

    def __init__(self) -> None:
        session = botocore.session.Session()
        self.client = session.create_client(
            "bedrock-runtime",
            region_name="us-east-1",
            aws_access_key_id="id",
            aws_secret_access_key="secret",
        )
        self.client.meta.events.register("before-send.bedrock-runtime.*", self._answer)
        self.sent: list[dict[str, Any]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""

    def answers(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Any:
        """Give an answer to what is asked next; return the client."""
        self.body, self.status, self.headers = body, status, headers or {}
        self.client.meta.config.retries = {"max_attempts": 0}
        return self.client

    def _answer(self, request: Any, **_: object) -> AWSResponse:
        self.sent.append(json.loads(request.body))
        return AWSResponse(request.url, self.status, self.headers, _Raw(self.body))


def arguments(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body as the client's arguments: its blobs are bytes there."""

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            name: base64.b64decode(inner)
            if name in ("bytes", "redactedContent") and isinstance(inner, str)
            else walk(inner)
            for name, inner in value.items()
        }

    found: dict[str, Any] = walk(body)
    return found
