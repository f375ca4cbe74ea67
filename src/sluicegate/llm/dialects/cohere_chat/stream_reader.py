"""One stream of Cohere's chat to events.

Source: cohere 7.3, `v2/types/v2chat_stream_response.py`; docs.cohere.com, "A Guide to Streaming
Responses" and "Streaming for tool use". Indices of content and of calls are counted apart, and a
tool plan has neither start nor end. Ends are taken leniently: `message-end` ends what is open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat import wire
from sluicegate.llm.dialects.cohere_chat.answer import LogprobItem, read_logprob
from sluicegate.llm.dialects.cohere_chat.failures import read_streamed
from sluicegate.llm.dialects.cohere_chat.usage import Usage, failed, read_stop, read_usage
from sluicegate.llm.failure import Malformed
from sluicegate.llm.signature import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.llm.canonical import Event
    from sluicegate.llm.dialect import Frame


class Content(Struct, frozen=True):
    """A text or reasoning, or more of it. `signature`: see `answer`."""

    text: str | None = None
    thinking: str | None = None
    type: str | None = None
    signature: str | None = None
    redacted: bool = False


class Function(Struct, frozen=True):
    """What is called, or more of its arguments."""

    name: str = ""
    arguments: str = ""


class ToolCall(Struct, frozen=True):
    """A call, or more of it."""

    id: str = ""
    function: Function = Function()
    signature: str | None = None


class Message(Struct, frozen=True):
    """One of these; at the start of a message, lists that are empty."""

    content: Content | list[Any] | None = None
    tool_calls: ToolCall | list[Any] | None = None
    tool_plan: str | None = None
    citations: dict[str, Any] | list[Any] | None = None


class Change(Struct, frozen=True):
    """What is new."""

    message: Message | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    error: str | None = None


class StreamEvent(Struct, frozen=True):
    """Any event. One without a type is an error's body."""

    type: str = ""
    index: int = 0
    id: str = ""
    delta: Change | None = None
    logprobs: LogprobItem | None = None
    message: str = ""


EVENT: Final = msgspec.json.Decoder(StreamEvent)
NOTHING: Final = ()
NO_MESSAGE: Final = Message()

CONTENT: Final = "content"
CALL: Final = "call"
Key = tuple[str, int]


class CohereReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_content", "_count", "_ended", "_open")

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._begun = False
        self._ended = False
        self._open: dict[Key, int] = {}  # numbers of parts
        self._content: dict[int, int] = {}  # the same of all texts, for citations that come late
        self._count = 0

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""
        if not frame.data or self._ended or frame.data == b"[DONE]":
            return NOTHING
        try:
            event = EVENT.decode(frame.data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise Malformed("an event of the stream is none of Cohere's chat") from None
        message = event.delta.message if event.delta is not None else None
        if event.type == "content-delta":
            return self._content_delta(event, message or NO_MESSAGE)
        return self._other(event, message or NO_MESSAGE)

    def end(self) -> Sequence[Event]:
        """Take notice that the bytes have ended. Raises Malformed: no `message-end` came."""
        if not self._ended:
            raise Malformed("the stream ended before `message-end`")
        return NOTHING

    def _other(self, event: StreamEvent, message: Message) -> Sequence[Event]:
        kind = event.type
        if kind == "message-start":
            self._begun = True
            return (canonical.Begun(id=event.id, model="", created=0),)
        if kind == "message-end":
            return self._end(event.delta or Change())
        if kind == "":
            self._ended = True
            return (canonical.Failed(read_streamed(event.message)),)
        if not self._begun:
            raise Malformed("an event of the stream is before `message-start`")
        if kind == "tool-call-delta" and isinstance(message.tool_calls, ToolCall):
            return self._more_of_call(event.index, message.tool_calls)
        if kind == "tool-plan-delta":
            events, part = self._opened((wire.PLAN, 0), canonical.Thinking(id=wire.PLAN))
            return [*events, canonical.Delta(0, part, message.tool_plan or "")]
        return self._boundary(kind, event, message)

    def _boundary(self, kind: str, event: StreamEvent, message: Message) -> Sequence[Event]:
        if kind == "content-start" and isinstance(message.content, Content):
            return [*self._close((wire.PLAN, 0)), *self._start_content(event, message.content)]
        if kind == "content-end":
            return self._close((CONTENT, event.index))
        if kind == "tool-call-start" and isinstance(message.tool_calls, ToolCall):
            call = message.tool_calls
            empty = canonical.ToolCall(id=call.id, name=call.function.name, arguments="")
            events, part = self._opened((CALL, event.index), empty)
            if call.function.arguments:
                events.append(canonical.Delta(0, part, call.function.arguments))
            return [*self._close((wire.PLAN, 0)), *events]
        if kind == "tool-call-end":
            return self._close((CALL, event.index))
        if kind == "citation-start" and isinstance(message.citations, dict):
            return self._cited(message.citations)
        return NOTHING  # `citation-end`, `debug`, or of a later version

    def _start_content(self, event: StreamEvent, content: Content) -> list[Event]:
        empty: canonical.Text | canonical.Thinking = canonical.Text(text="")
        if content.type == "thinking" or (content.type is None and content.thinking is not None):
            empty = canonical.Thinking(redacted=content.redacted)
        events, part = self._opened((CONTENT, event.index), empty)
        if isinstance(empty, canonical.Text):
            self._content[event.index] = part
        text = content.thinking if isinstance(empty, canonical.Thinking) else content.text
        if text:
            events.append(canonical.Delta(0, part, text))
        return events

    def _content_delta(self, event: StreamEvent, message: Message) -> Sequence[Event]:
        content = message.content
        part = self._open.get((CONTENT, event.index))
        if not isinstance(content, Content):
            raise Malformed("a delta of the stream has no content")
        text = content.text if content.text is not None else content.thinking
        if part is not None and text is not None and event.logprobs is None:
            return (canonical.Delta(0, part, text),)
        if not self._begun:
            raise Malformed("an event of the stream is before `message-start`")
        events: list[Event] = []
        if part is None and not text and event.logprobs is not None:
            return (canonical.Logprobs(0, [read_logprob(event.logprobs)]),)
        if part is None:
            events = self._start_content(event, Content(type=_type_of(content)))
            part = self._open[(CONTENT, event.index)]
        if text:
            events.append(canonical.Delta(0, part, text))
        if content.signature is not None:
            events.append(canonical.Signed(0, part, opened(content.signature, "")))
        if event.logprobs is not None:
            events.append(canonical.Logprobs(0, [read_logprob(event.logprobs)]))
        return events

    def _more_of_call(self, index: int, call: ToolCall) -> Sequence[Event]:
        part = self._open.get((CALL, index))
        if part is None:
            raise Malformed("a delta of the stream has no call")
        if call.signature is not None:
            return (canonical.Signed(0, part, opened(call.signature, "")),)
        return (canonical.Delta(0, part, call.function.arguments),)

    def _cited(self, citation: dict[str, Any]) -> Sequence[Event]:
        """Put a citation to its text; to the plan or the last text, where it names none."""
        index = citation.get("content_index")
        part = self._content.get(index) if isinstance(index, int) else None
        if part is None:
            part = max(self._content.values(), default=None)
        return NOTHING if part is None else (canonical.Cited(0, part, citation),)

    def _end(self, change: Change) -> Sequence[Event]:
        self._ended = True
        word = change.finish_reason or ""
        failure = failed(word, change.error) or (
            read_streamed(change.error) if change.error else None
        )
        if failure is not None:
            return (canonical.Failed(failure),)
        if not self._begun or not word:
            raise Malformed("`message-end` says no reason, or came before `message-start`")
        events: list[Event] = []
        for key in list(self._open):
            events += self._close(key)
        events.append(canonical.Stopped(0, read_stop(word)))
        used = read_usage(change.usage)
        if used is not None:
            events.append(canonical.Used(used))
        events.append(canonical.Ended())
        return events

    def _opened(
        self, key: Key, empty: canonical.Text | canonical.Thinking | canonical.ToolCall
    ) -> tuple[list[Event], int]:
        """Return the number of a part, and its beginning where it had none."""
        part = self._open.get(key)
        if part is not None:
            return [], part
        part = self._open[key] = self._count
        self._count += 1
        return [canonical.PartBegun(0, part, empty)], part

    def _close(self, key: Key) -> list[Event]:
        part = self._open.pop(key, None)
        return [] if part is None else [canonical.PartEnded(0, part)]


def _type_of(content: Content) -> str:
    return "text" if content.text is not None else "thinking"
