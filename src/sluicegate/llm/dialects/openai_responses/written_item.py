"""Items of a stream while they are written, and the bytes of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import json
from msgspec.structs import replace

from sluicegate.llm.canonical import (
    Cited,
    Logprob,
    Opaque,
    Part,
    Refusal,
    Signed,
    Text,
    Thinking,
    ToolCall,
)
from sluicegate.llm.dialects.openai_responses.extension import ANNOTATIONS
from sluicegate.llm.dialects.openai_responses.output_items import (
    content_of,
    is_summary,
    item_of,
    logprobs_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Emit:
    """Numbers events and keeps their bytes until they are taken."""

    __slots__ = ("_bytes", "number")

    def __init__(self) -> None:
        """Count from 0."""
        self.number = 0
        self._bytes: list[bytes] = []

    def __call__(self, name: str, fields: dict[str, Any]) -> None:
        """Write an event."""
        whole = {"type": name, "sequence_number": self.number, **fields}
        self.number += 1
        self._bytes.append(b"event: %b\ndata: %b\n\n" % (name.encode(), json.encode(whole)))

    def keep(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._bytes.append(data)

    def taken(self) -> bytes:
        """Return what was written since."""
        data = b"".join(self._bytes)
        self._bytes.clear()
        return data


class WrittenPart:
    """A part that is written. `part` gets its text when it ends."""

    __slots__ = (
        "_around",
        "_head",
        "_name",
        "_pieces",
        "_shown",
        "ended",
        "item",
        "part",
        "place",
        "tokens",
    )

    def __init__(
        self,
        item: WrittenItem,
        part: Part,
        name: str,
        around: str,
        shown: str | None,
        place: dict[str, Any],
    ) -> None:
        """`name` and `place`: of its events, such as `response.output_text` with its indices.

        `around`: of the events of its beginning and end; `shown`: its type in these; None for none.
        """
        self.item = item
        self.part = part
        self.tokens: list[Logprob] = []
        self.ended = False
        self._name = name
        self._around = around
        self._shown = shown
        self.place = place
        self._pieces: list[str] = []
        kind = f"{name}.delta"
        start = json.encode({"type": kind, **place})[:-1]
        logs = b'"logprobs":[],' if isinstance(part, Text) else b""
        self._head = b"event: %b\ndata: %b,%b" % (kind.encode(), start, logs)

    def delta(self, emit: Emit, text: str, tokens: Sequence[Logprob] | None) -> None:
        """Write more of it. `tokens`: of this very text."""
        self._pieces.append(text)
        if tokens and isinstance(self.part, Text):
            logprobs = logprobs_of(list(tokens))
            emit(f"{self._name}.delta", {**self.place, "delta": text, "logprobs": logprobs})
            return
        emit.keep(
            b'%b"delta":%b,"sequence_number":%d}\n\n' % (self._head, json.encode(text), emit.number)
        )
        emit.number += 1

    def add(self, emit: Emit, event: Signed | Cited) -> None:
        """Take a signature or a citation, which the API has an event for if it has the citation."""
        part = self.part
        if isinstance(event, Signed):
            if isinstance(part, Text | Thinking | ToolCall):
                part.signature = event.signature
        elif isinstance(part, Text):
            ours = [one for one in part.citations or () if one.get("type") in ANNOTATIONS]
            part.citations = [*(part.citations or ()), event.citation]
            if event.citation.get("type") in ANNOTATIONS:
                emit(
                    f"{self._name}.annotation.added",
                    {
                        **self.place,
                        "annotation_index": len(ours),
                        "annotation": event.citation,
                    },
                )

    def settle(self) -> None:
        """Put the text so far into `part`."""
        if isinstance(self.part, ToolCall):
            self.part.arguments = "".join(self._pieces)
        elif isinstance(self.part, Text | Refusal | Thinking):
            self.part.text = "".join(self._pieces)

    def begin(self, emit: Emit) -> None:
        """Write that it begins. Calls and what is opaque begin with their items."""
        if self._shown is not None:
            whole = content_of(self.part) or {"type": self._shown, "text": ""}
            emit(f"{self._around}.added", {**self.place, "part": whole})

    def end(self, emit: Emit) -> None:
        """Write all of it again, which is its end."""
        self.ended = True
        self.settle()
        part = self.part
        if isinstance(part, ToolCall):
            field = "input" if part.custom else "arguments"
            emit(f"{self._name}.done", {**self.place, field: part.arguments})
        elif self._shown is not None and isinstance(part, Text | Refusal | Thinking):
            said: dict[str, Any] = {self._shown if isinstance(part, Refusal) else "text": part.text}
            if isinstance(part, Text):
                said["logprobs"] = logprobs_of(self.tokens)
            emit(f"{self._name}.done", {**self.place, **said})
            whole = content_of(part, self.tokens) or {"type": self._shown, "text": part.text}
            emit(f"{self._around}.done", {**self.place, "part": whole})


class WrittenItem:
    """An item that is written."""

    __slots__ = ("_id", "_index", "_summed", "done", "parts")

    def __init__(self, item_id: str, index: int, *, summed: bool) -> None:
        """Begin with no part. `summed`: thoughts are shown as summaries."""
        self._id = item_id
        self._index = index
        self._summed = summed
        self.parts: list[WrittenPart] = []
        self.done = False

    @property
    def is_single(self) -> bool:
        """Whether no other part can be of it."""
        return isinstance(self.parts[0].part, ToolCall | Opaque)

    @property
    def is_whole(self) -> bool:
        """Whether all its parts have ended and it has not."""
        return not self.done and all(part.ended for part in self.parts)

    def begin(self, emit: Emit, empty: Part) -> WrittenPart:
        """Write that a part begins, and the item if it is the first."""
        part = WrittenPart(self, replace(empty), *self._names(empty))
        self.parts.append(part)
        if len(self.parts) == 1:
            added = item_of([part.part], self._id, status="in_progress", summed=self._summed)
            if added.get("content"):
                added["content"] = []
            emit("response.output_item.added", {"output_index": self._index, "item": added})
        part.begin(emit)
        return part

    def finish(self, emit: Emit) -> None:
        """Write that it ends."""
        self.done = True
        emit("response.output_item.done", {"output_index": self._index, "item": self.item()})

    def item(self, status: str = "completed") -> dict[str, Any]:
        """Return it as it stands; `status` is of one that has not ended."""
        for part in self.parts:
            if not part.ended:
                part.settle()
        tokens = [token for part in self.parts for token in part.tokens]
        return item_of(
            [part.part for part in self.parts],
            self._id,
            status="completed" if self.done else status,
            logprobs=tokens,
            summed=self._summed,
        )

    def _names(self, part: Part) -> tuple[str, str, str | None, dict[str, Any]]:
        """Return the names of a part's own events, of those around it, its type and its place."""
        place: dict[str, Any] = {"item_id": self._id, "output_index": self._index}
        if isinstance(part, ToolCall):
            name = "custom_tool_call_input" if part.custom else "function_call_arguments"
            return f"response.{name}", "", None, place
        if isinstance(part, Opaque):
            return "", "", None, place
        around, shown, index = "response.content_part", "output_text", "content_index"
        name = "response.output_text"
        if isinstance(part, Refusal):
            name, shown = "response.refusal", "refusal"
        elif isinstance(part, Thinking) and is_summary(part, summed=self._summed):
            around, shown = "response.reasoning_summary_part", "summary_text"
            name, index = "response.reasoning_summary_text", "summary_index"
        elif isinstance(part, Thinking):
            name, shown = "response.reasoning_text", "reasoning_text"
        place[index] = sum(index in before.place for before in self.parts)
        redacted = isinstance(part, Thinking) and part.redacted
        return name, around, None if redacted else shown, place
