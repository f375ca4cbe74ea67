"""Cohere's official client, which sends nothing: what it would send is kept, an answer given."""

from __future__ import annotations

import json
from typing import Any

import cohere
import httpx


class CohereSdk:
    """The official client of API v2; `sent` are the bodies of its requests."""

    def __init__(self) -> None:
        transport = httpx.MockTransport(self._answer)
        self.http = httpx.Client(transport=transport)
        self.client = cohere.ClientV2(api_key="key", httpx_client=self.http)
        self.sent: list[dict[str, Any]] = []
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""

    def answers(
        self, body: bytes, status: int = 200, headers: dict[str, str] | None = None
    ) -> cohere.ClientV2:
        """Give an answer to what is asked next; return the client."""
        self.body, self.status, self.headers = body, status, headers or {}
        return self.client

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(json.loads(request.content))
        return httpx.Response(self.status, headers=self.headers, content=self.body)


def arguments(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body as the client's arguments: it says by itself whether it wants a stream."""
    return {name: value for name, value in body.items() if name != "stream"}
