"""What OpenAI's own SDK makes of requests, responses and streams of its Responses API."""

from __future__ import annotations

from typing import Any

import openai
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParams
from pydantic import TypeAdapter

from sluicegate.llm.canonical import Request
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects import find
from sluicegate.llm.losses import Losses

DIALECT = find("openai_responses")
NAME = "openai_responses"


def is_request(body: bytes) -> None:
    """Assert that a body is one that the SDK's types allow."""
    params: Any = TypeAdapter(ResponseCreateParams)
    params.validate_json(body)


def response(body: bytes) -> Response:
    """Read a response with the SDK's types, all of which are checked."""
    return Response.model_validate_json(body)


def accumulated(data: bytes) -> tuple[list[Any], Any]:
    """Put a stream through the SDK's accumulator; return the events and the final response.

    Asserts that each event has its type's shape, its name in `event:`, and the next number.
    """
    shape: Any = TypeAdapter(ResponseStreamEvent)
    state: Any = ResponseStreamState(input_tools=openai.omit, text_format=openai.omit)
    events = []
    for number, frame in enumerate(DIALECT.framing().feed(data)):
        event = shape.validate_json(frame.data)
        assert event.type == frame.name
        assert event.sequence_number == number
        state.handle_event(event)
        events.append(event)
    return events, state._completed_response


def read(body: bytes | str, *, drop: bool = False) -> Request:
    """Read a request."""
    data = body.encode() if isinstance(body, str) else body
    return DIALECT.read_request(Incoming(data), drop=drop)[0]


def written(request: Request) -> tuple[bytes, Losses]:
    """Write a request, and what it lost."""
    losses = Losses(DIALECT.names, NAME)
    return DIALECT.write_request(request, losses).body, losses
