"""Streams of a provider (openai/types/responses/response_stream_event.py).

`response.completed` and `response.incomplete` end a stream; some servers put `[DONE]` after it.
Servers that leave events out (parts that are never announced, deltas that never come) are read by
what does come: the end of a part, of an item and of the response say it all again. Events of
OpenAI's own tools between the beginning and the end of their items say nothing that those do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Raw, Struct
from msgspec.json import Decoder

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Failed,
    Logprobs,
    Opaque,
    Refusal,
    Stopped,
    Text,
    Thinking,
    Used,
)
from sluicegate.llm.dialects.openai_responses import answer_shape as shape
from sluicegate.llm.dialects.openai_responses.answer_reader import (
    read_call,
    read_content,
    read_item,
    read_logprob,
    stop_of,
    usage_of,
)
from sluicegate.llm.dialects.openai_responses.extension import given_id, restore
from sluicegate.llm.dialects.openai_responses.failures import stream_failure
from sluicegate.llm.dialects.openai_responses.open_parts import OpenItem, OpenParts
from sluicegate.llm.failure import AnswerFailed, Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.llm.canonical import Event, Part
    from sluicegate.llm.dialect import Frame


class OfPart(Struct):
    """What most events have."""

    output_index: int
    content_index: int = 0
    summary_index: int = 0
    delta: str = ""
    logprobs: list[shape.Logprob] = []
    annotation: dict[str, Any] | None = None
    part: shape.Content | None = None


class OfItem(Struct):
    """An item begins or ends."""

    output_index: int
    item: Raw


class OfResponse(Struct):
    """The response as it stands."""

    response: shape.Response


OF_PART: Final = Decoder(OfPart)
OF_ITEM: Final = Decoder(OfItem)
OF_RESPONSE: Final = Decoder(OfResponse)

NOTHING: Final = ()
TEXT: Final = "response.output_text.delta"
ARGUMENTS: Final = frozenset(
    {"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"}
)
THOUGHTS: Final = frozenset(
    {"response.reasoning_text.delta", "response.reasoning_summary_text.delta"}
)
REFUSAL: Final = "response.refusal.delta"
BEGUN: Final = frozenset({"response.created", "response.in_progress", "response.queued"})
LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
DONE: Final = b"[DONE]"


class ResponsesReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_ended", "_parts")

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._begun = False
        self._ended = False
        self._parts = OpenParts()

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""
        if self._ended or not frame.data:
            return NOTHING
        try:
            if frame.name == TEXT:
                return self._text(frame.data)
            return self._other(frame.name, frame.data)
        except (ValueError, RecursionError):
            raise Malformed("an event of the stream has another shape") from None

    def end(self) -> Sequence[Event]:
        """Take notice of the end. Raises Malformed: the response was not over."""
        if not self._ended:
            raise Malformed("the stream ended before its response did")
        return NOTHING

    def _other(self, name: str, data: bytes) -> Sequence[Event]:
        if data == DONE:
            return NOTHING
        if not name.startswith("response.") and name != "error":
            name = shape.KIND.decode(data).type  # a server that leaves `event:` lines out
        if name == TEXT:
            return self._text(data)
        if name in BEGUN or name in LAST:
            response = OF_RESPONSE.decode(data).response
            return self._begin(response) if name in BEGUN else self._last(response)
        if name == "error":
            self._ended = True
            return [Failed(stream_failure(shape.PLAIN.decode(data)))]
        if name.startswith("response.output_item"):
            return self._of_item(name, data)
        is_delta = name in ARGUMENTS or name in THOUGHTS or name == REFUSAL
        return self._delta(name, data) if is_delta else self._of_part(name, data)

    # --- parts -----------------------------------------------------------------------------------

    def _text(self, data: bytes) -> list[Event]:
        event = OF_PART.decode(data)
        item = self._parts.item(event.output_index)
        found: list[Event] = []
        number = item.known.get(event.content_index)
        if number is None:
            number = self._parts.part(item, event.content_index, Text(text=""), found)
        if item.silent:
            item.silent.discard(number)
        found.append(Delta(0, number, event.delta))
        if event.logprobs:
            found.append(_logprobs(item, event.logprobs))
        return found

    def _delta(self, name: str, data: bytes) -> list[Event]:
        event = OF_PART.decode(data)
        item = self._parts.item(event.output_index)
        found: list[Event] = []
        if name in ARGUMENTS:
            number = next(iter(item.known.values()), None)
            if number is None:
                raise Malformed("the arguments of a call came before the call")
        elif name in THOUGHTS:
            summary = "summary" in name
            index = event.summary_index if summary else event.content_index
            empty = Thinking(id=item.id, summary=summary)
            number = self._parts.part(item, (summary, index), empty, found)
        else:
            number = self._parts.part(item, event.content_index, Refusal(text=""), found)
        item.silent.discard(number)
        found.append(Delta(0, number, event.delta))
        return found

    def _of_part(self, name: str, data: bytes) -> list[Event]:
        """Read what comes beside deltas. Of events that are unknown, only that they are objects."""
        found: list[Event] = []
        if name == "response.output_text.done":
            event = OF_PART.decode(data)
            item = self._parts.item(event.output_index)
            if event.logprobs and not item.has_logprobs:
                found.append(_logprobs(item, event.logprobs))
        elif name == "response.output_text.annotation.added":
            event = OF_PART.decode(data)
            item = self._parts.item(event.output_index)
            if event.annotation is not None:
                number = self._parts.part(item, event.content_index, Text(text=""), found)
                item.cited[number] = item.cited.get(number, 0) + 1
                found.append(Cited(0, number, event.annotation))
        elif name == "response.content_part.done":
            event = OF_PART.decode(data)
            if event.part is not None and event.part.type in {"output_text", "refusal"}:
                item, part = self._parts.item(event.output_index), read_content(event.part)
                number = self._parts.part(item, event.content_index, part, found)
                self._parts.settle(item, number, part, found)
        else:
            shape.PLAIN.decode(data)
        return found

    # --- items and the response ------------------------------------------------------------------

    def _of_item(self, name: str, data: bytes) -> list[Event]:
        event = OF_ITEM.decode(data)
        found: list[Event] = []
        if name == "response.output_item.done":
            self._finish(event.output_index, event.item, found)
        elif shape.KIND.decode(event.item).type in shape.READ:
            added = shape.ITEM.decode(event.item)
            item = self._parts.item(event.output_index)
            item.id = given_id(added.id)
            if added.type.endswith("_call"):
                call = read_call(added)
                self._parts.part(item, 0, call, found)
        return found

    def _finish(self, index: int, raw: Raw, found: list[Event]) -> None:
        item = self._parts.item(index)
        if not item.done:
            parts, tokens = read_item(raw)
            if tokens and not item.has_logprobs:
                item.has_logprobs = True
                found.append(Logprobs(0, tokens))
            self._parts.finish(item, parts, found)

    def _begin(self, response: shape.Response) -> list[Event]:
        if self._begun:
            return []
        self._begun = True
        return [
            Begun(
                response.id,
                response.model,
                int(response.created_at),
                service_tier=response.service_tier,
            )
        ]

    def _last(self, response: shape.Response) -> list[Event]:
        found = self._begin(response)
        for index, raw in enumerate(response.output):
            self._finish(index, raw, found)
        self._ended = True
        usage = usage_of(response.usage, response.service_tier)
        try:
            kept: list[Part] = []
            said = restore(response.sluicegate, kept)
            for part in kept:
                if isinstance(part, Opaque):
                    self._parts.finish(OpenItem(), [part], found)
            stop = said or stop_of(response, self._parts.begun)
        except AnswerFailed as error:
            return [*found, Failed(error.failure)]
        found.append(Stopped(0, stop))
        if usage is not None:
            found.append(Used(usage))
        return [*found, Ended()]


def _logprobs(item: OpenItem, tokens: list[shape.Logprob]) -> Logprobs:
    item.has_logprobs = True
    return Logprobs(0, [read_logprob(token) for token in tokens])
