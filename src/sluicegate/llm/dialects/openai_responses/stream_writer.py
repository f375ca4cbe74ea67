"""Streams written for a caller (openai/types/responses/response_stream_event.py).

Every event has a `sequence_number`. The SDK's accumulator (openai/lib/streaming/responses) wants
`response.created` first, each item before its parts, each part before its deltas, the same ids from
`output_item.added` to `output_item.done`, and `response.completed` with all of it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sluicegate.llm.canonical import (
    Answer,
    Begun,
    Cited,
    Delta,
    Ended,
    Failed,
    Logprobs,
    Part,
    PartBegun,
    PartEnded,
    Signed,
    Stop,
    Stopped,
    Text,
    Usage,
    Used,
)
from sluicegate.llm.dialects.openai_responses.answer_writer import wants_summary
from sluicegate.llm.dialects.openai_responses.call_writer import TIERS
from sluicegate.llm.dialects.openai_responses.extension import extension_of, is_foreign
from sluicegate.llm.dialects.openai_responses.failures import error_object
from sluicegate.llm.dialects.openai_responses.output_items import (
    id_of,
    joins,
    response_of,
    stop_fields,
    usage_fields,
)
from sluicegate.llm.dialects.openai_responses.written_item import Emit, WrittenItem, WrittenPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.llm.canonical import Event, Request
    from sluicegate.llm.failure import Failure


class ResponsesWriter:
    """Writes one stream."""

    __slots__ = (
        "_begun",
        "_emit",
        "_items",
        "_open",
        "_parts",
        "_request",
        "_response",
        "_stop",
        "_usage",
    )

    def __init__(self, request: Request) -> None:
        """`request`: what the API repeats of it."""
        self._request = request
        self._emit = Emit()
        self._begun = Begun("", request.model, 0)
        self._response: dict[str, Any] = {}
        self._items: list[WrittenItem] = []
        self._open: dict[int, WrittenPart] = {}
        self._parts: list[Part] = []
        self._stop = Stop(reason="end")
        self._usage: Usage | None = None

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of some events."""
        emit = self._emit
        last = len(events) - 1
        for index, event in enumerate(events):
            if type(event) is Delta:
                part = self._open.get(event.part)
                if part is not None and event.choice == 0:
                    after = events[index + 1] if index < last else None
                    tokens = after.tokens if type(after) is Logprobs else None
                    part.delta(emit, event.text, tokens)
            elif getattr(event, "choice", 0) == 0:
                self._other(event)
        return emit.taken()

    def fail(self, failure: Failure) -> bytes:
        """Return `error` and `response.failed`, in OpenAI's order; nothing may come after them."""
        error = error_object(failure)
        flat = {name: error[name] for name in ("code", "message", "param")}
        self._emit("error", {**flat, "error": error})
        if self._response:
            said = {"code": error["code"] or "server_error", "message": error["message"]}
            output = [item.item(status="incomplete") for item in self._items]
            failed = {"status": "failed", "error": said, "output": output}
            self._emit("response.failed", {"response": {**self._response, **failed}})
        return self._emit.taken()

    def _other(self, event: Event) -> None:
        if isinstance(event, PartBegun):
            self._part_begun(event)
        elif isinstance(event, PartEnded):
            self._part_ended(event.part)
        elif isinstance(event, Signed | Cited):
            part = self._open.get(event.part)
            if part is not None:
                part.add(self._emit, event)
        elif isinstance(event, Logprobs):
            self._logprobs(event)
        else:
            self._of_answer(event)

    def _of_answer(self, event: Event) -> None:
        if isinstance(event, Begun):
            self._begin(event)
        elif isinstance(event, Used):
            self._usage = event.usage
        elif isinstance(event, Stopped):
            self._stop = event.stop
        elif isinstance(event, Failed):
            self._emit.keep(self.fail(event.failure))
        elif isinstance(event, Ended):
            self._end()

    def _begin(self, event: Begun) -> None:
        self._begun = event
        self._usage = event.usage
        self._response = response_of(
            self._request, event.id, event.model, event.created, event.service_tier
        )
        self._emit("response.created", {"response": self._response})
        self._emit("response.in_progress", {"response": self._response})

    def _part_begun(self, event: PartBegun) -> None:
        part = event.empty
        self._parts.append(part)
        if is_foreign(part):
            return
        item = self._items[-1] if self._items else None
        if item is None or item.done or not joins(item.parts[-1].part, part):
            if item is not None and item.is_whole:
                item.finish(self._emit)
            index = len(self._items)
            item_id = id_of(part, self._begun.id, index)
            item = WrittenItem(item_id, index, summed=wants_summary(self._request))
            self._items.append(item)
        self._open[event.part] = item.begin(self._emit, part)

    def _part_ended(self, number: int) -> None:
        part = self._open.pop(number, None)
        if part is None:
            return
        part.end(self._emit)
        # A message or thoughts may go on with another part; what is not the last item may not.
        if part.item.is_whole and (part.item.is_single or part.item is not self._items[-1]):
            part.item.finish(self._emit)

    def _logprobs(self, event: Logprobs) -> None:
        """Keep tokens for the first text, where `output_text.done` and the whole item have them."""
        for item in self._items:
            for part in item.parts:
                if isinstance(part.part, Text):
                    part.tokens += event.tokens
                    return

    def _end(self) -> None:
        for number in list(self._open):
            self._part_ended(number)
        for item in self._items:
            if not item.done:
                item.finish(self._emit)
        fields, plain = stop_fields(self._stop, self._parts)
        begun = self._begun
        answer = Answer(
            id=begun.id,
            model=begun.model,
            created=begun.created,
            choices=[],
            usage=self._usage,
            fingerprint=begun.fingerprint,
        )
        extension = extension_of(answer, self._parts, self._stop, plain=plain)
        response = {
            **self._response,
            **fields,
            "output": [item.item() for item in self._items],
            "usage": usage_fields(self._usage),
            **({"sluicegate": extension} if extension else {}),
        }
        if self._usage is not None and self._usage.tier in TIERS:  # it may say more than the first
            response["service_tier"] = self._usage.tier
        self._emit(f"response.{fields['status']}", {"response": response})
