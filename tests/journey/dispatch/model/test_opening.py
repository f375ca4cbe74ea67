from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sluicegate.errors import METHOD_NOT_ALLOWED, NO_ROUTE, Refused
from sluicegate.exchange import Exchange
from sluicegate.journey.dispatch.model.errors import ErrorForm
from sluicegate.journey.dispatch.model.opening import Opening
from sluicegate.llm.dialects import find
from sluicegate.model.route import Ai
from sluicegate.model.units import convert
from support.exchanges import exchange


def opened(method: str, path: str, ai: dict[str, Any] | None = None, **more: Any) -> Exchange:
    """Return an exchange that was opened; raises what it was refused by."""
    asked = exchange(method, path, **more)
    went_on: list[Exchange] = []
    ended: list[Exchange] = []

    async def onward(on: Exchange) -> None:
        went_on.append(on)

    async def work() -> None:
        await Opening(convert(ai or {}, Ai), find, ended.append).handle(asked, onward)

    try:
        asyncio.run(work())
    except Refused as refused:
        asked.refused = refused
    assert bool(went_on) == (asked.refused is None)
    assert ended == went_on  # what went on is written, once
    return asked


def dialect(asked: Exchange) -> str:
    assert isinstance(asked.speaks, ErrorForm)
    return asked.speaks.dialect.name


def test_an_exchange_knows_its_endpoint_and_the_form_of_its_errors() -> None:
    asked = opened("POST", "/v1/messages")
    assert asked.endpoint is not None
    assert asked.endpoint.dialect == "anthropic_messages"
    assert dialect(asked) == "anthropic_messages"


def test_nothing_is_upgraded_here() -> None:
    asked = exchange("POST", "/v1/responses")
    asked.request.upgrade = "websocket"

    async def onward(on: Exchange) -> None:
        assert on.request.upgrade is None

    async def work() -> None:
        await Opening(Ai(), find, lambda _: None).handle(asked, onward)

    asyncio.run(work())


@pytest.mark.parametrize("path", ["/ai/v1/messages", "/ai/v1/models", "/ai/v1beta/models/m"])
def test_a_prefix_is_taken_off(path: str) -> None:
    assert opened("GET" if "models" in path else "POST", path, {"prefix": "/ai"}).endpoint


@pytest.mark.parametrize("path", ["/v1/messages", "/aiv1/messages", "/ai", "/other"])
def test_what_does_not_begin_with_the_prefix_is_nothing(path: str) -> None:
    refused = opened("POST", path, {"prefix": "/ai"}).refused
    assert refused is not None
    assert refused.problem is NO_ROUTE


@pytest.mark.parametrize(
    ("path", "headers", "wanted"),
    [
        ("/v1/nothing", {}, "openai_chat"),
        ("/v1/nothing", {"anthropic-version": "2023-06-01"}, "anthropic_messages"),
        ("/v1beta/nothing", {}, "gemini_generate"),
    ],
)
def test_that_there_is_no_endpoint_is_told_in_the_likely_dialect(
    path: str, headers: dict[str, str], wanted: str
) -> None:
    asked = opened("POST", path, headers=headers)
    assert asked.refused is not None
    assert asked.refused.problem is NO_ROUTE
    assert dialect(asked) == wanted


def test_another_method_is_told_which_ones_there_are() -> None:
    asked = opened("GET", "/v1/messages")
    assert asked.refused is not None
    assert asked.refused.problem is METHOD_NOT_ALLOWED
    assert asked.refused.headers == ((b"allow", b"POST"),)
    assert dialect(asked) == "anthropic_messages"
    assert opened("PATCH", "/v1/responses/r").refused is not None


def test_only_the_providers_of_the_route_are_passed_through_to() -> None:
    assert opened("PATCH", "/proxy/a/v1/files", {"proxy": ["a"]}).endpoint is not None
    refused = opened("GET", "/proxy/b/v1/files", {"proxy": ["a"]}).refused
    assert refused is not None
    assert refused.problem is NO_ROUTE
