"""What goes to a provider, and what of its answer reaches the caller.

Where both speak the same dialect the bytes are passed through, but for the model's name and what
the vendor wants otherwise. Else everything goes through the canonical form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec.structs import replace

from sluicegate.llm.canonical import Begun, Request, Text, Thinking
from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.losses import Losses
from sluicegate.llm.stream_usage import OPTIONS, STREAMS, asking, without_usage

if TYPE_CHECKING:
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.canonical import Answer, Event, PartBegun, Usage
    from sluicegate.llm.dialect import Dialect, Frame, StreamWriter
    from sluicegate.llm.failure import Failure

ENCODE: Final = msgspec.json.Encoder().encode
Rename = tuple[bytes, bytes]
"""An id as the provider gave it and as the caller gets it, each in quotes."""


class Passage(Protocol):
    """One attempt's way in and out. `outgoing` is what the provider is sent."""

    dialect: Dialect
    """What the provider speaks."""
    request: Request | None
    """The call as read, where it is translated."""
    dropped: list[str]
    """Fields of the call that are not in what the provider was sent."""

    def outgoing(self) -> Outgoing:
        """Return what the provider is sent. Raises CallError."""

    def frame(self, frame: Frame, events: Sequence[Event]) -> bytes:
        """Return what the caller gets of a frame."""

    def end(self) -> bytes:
        """Return what stands behind the last frame."""

    def fail(self, failure: Failure) -> bytes:
        """Return the end of a stream that failed."""

    def whole(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Return what the caller gets of a whole answer, and what it used. Raises Malformed."""


class PassThrough:
    """The same dialect on both sides."""

    __slots__ = (
        "_asks_usage", "_call", "_model", "_rename", "_sealing", "_unasked", "dialect", "dropped",
        "request",
    )  # fmt: skip

    def __init__(
        self,
        call: ModelCall,
        dialect: Dialect,
        model: str,
        sealing: Sealing | None,
        *,
        asks_usage: bool = False,
    ) -> None:
        """`model` is the provider's name of it; `sealing` changes ids of what will be kept.

        `asks_usage`: the provider says what a stream used where it is asked (`Provider`).
        """
        self.dialect = dialect
        self.request: Request | None = None
        self.dropped: list[str] = []
        self._call = call
        self._model = model
        self._sealing = sealing
        self._rename: Rename | None = None
        self._asks_usage = asks_usage and call.stream and call.endpoint.dialect in STREAMS
        self._unasked = False

    def outgoing(self) -> Outgoing:
        """Exchange the model's name; the members stay as they came, and in their order.

        A stream's usage is asked for, whether the caller does or not: who pays wants to know.
        """
        call = self._call
        changes: dict[str, bytes] = {}
        if not call.endpoint.model and call.asked != self._model:
            changes["model"] = ENCODE(self._model)
        if self._sealing is not None:
            changes |= self._sealing.changes(call)
        if self._asks_usage:
            options = asking(call.fields)
            if options is not None:
                changes[OPTIONS] = options
                self._unasked = True
        return Outgoing(body_of(call, changes))

    def frame(self, frame: Frame, events: Sequence[Event]) -> bytes:
        """Pass the bytes on, without the usage that the caller did not ask for."""
        raw = without_usage(frame, events) if self._unasked else frame.raw
        sealing = self._sealing
        if sealing is None:
            return raw
        for event in events:
            if type(event) is Begun and event.id:
                self._rename = sealing.rename(event.id)
        rename = self._rename
        return raw if rename is None else raw.replace(*rename)

    def end(self) -> bytes:
        """Nothing is missing."""
        return b""

    def fail(self, failure: Failure) -> bytes:
        """Write the dialect's error event."""
        return self.dialect.writer(bare(self._call)).fail(failure)

    def whole(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Look at the answer and pass it on."""
        usage = self.dialect.measure(body)
        if self._sealing is not None:
            rename = self._sealing.rename_in(body)
            if rename is not None:
                body = body.replace(*rename)
        return body, usage


class Sealing(Protocol):
    """Binds the ids of objects that a provider keeps to it and to the consumer."""

    def changes(self, call: ModelCall) -> dict[str, bytes]:
        """Return members of the request that must be others, as JSON. Raises CallError."""

    def rename(self, id_: str) -> Rename:
        """Return an id in quotes, and what stands in its place."""

    def rename_in(self, body: bytes) -> Rename | None:
        """Return that of a whole object's `id`; None where it has none."""


class Reframed:
    """A Gemini stream passed through as a JSON array: for callers who ask without `alt=sse`."""

    __slots__ = ("_begun", "_inner", "dialect", "dropped", "request")

    def __init__(self, inner: PassThrough) -> None:
        """Reframe what `inner` passes."""
        self._inner = inner
        self.dialect = inner.dialect
        self.request: Request | None = None
        self.dropped: list[str] = []
        self._begun = False

    def outgoing(self) -> Outgoing:
        """Send the same."""
        return self._inner.outgoing()

    def frame(self, frame: Frame, events: Sequence[Event]) -> bytes:  # noqa: ARG002 - as it came
        """Write an event as an element."""
        if not frame.data:
            return b""
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + frame.data

    def end(self) -> bytes:
        """Close the array."""
        return b"]" if self._begun else b"[]"

    def fail(self, failure: Failure) -> bytes:
        """Write the error as the last element."""
        return (b",\r\n" if self._begun else b"[") + self._failed(failure) + b"]"

    def whole(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Pass an answer that is no stream."""
        return self._inner.whole(body)

    def _failed(self, failure: Failure) -> bytes:
        return self.dialect.write_failure(failure, "")


class Missing:
    """What an answer gets where its provider does not say it; `created` in seconds since 1970."""

    __slots__ = ("created", "id", "model")

    def __init__(self, id_: str, model: str, created: int) -> None:
        """Keep it."""
        self.id = id_
        self.model = model
        self.created = created

    def begun(self, event: Begun) -> Begun:
        """Return the beginning of a stream, complete."""
        if event.id and event.model and event.created:
            return event
        return replace(
            event,
            id=event.id or self.id,
            model=event.model or self.model,
            created=event.created or self.created,
        )

    def put_into(self, answer: Answer) -> None:
        """Complete a whole answer."""
        answer.id = answer.id or self.id
        answer.model = answer.model or self.model
        answer.created = answer.created or self.created


class Translation:
    """One dialect in, another one out."""

    __slots__ = (
        "_call", "_drop", "_missing", "caller", "dialect", "dropped", "request", "writer",
    )  # fmt: skip

    def __init__(
        self,
        call: ModelCall,
        request: Request,
        caller: Dialect,
        dialect: Dialect,
        writer: StreamWriter,
        missing: Missing,
        *,
        drop: bool,
    ) -> None:
        """`request` is the call as read; `writer` writes the caller's stream."""
        self.caller = caller
        self.dialect = dialect
        self._call = call
        self._drop = drop
        self._missing = missing
        self.request: Request | None = request
        self.dropped: list[str] = []
        self.writer = writer

    def outgoing(self) -> Outgoing:
        """Translate the call. Raises CallError that names what cannot be said."""
        request = self._read
        losses = Losses(self.caller.names, self.dialect.name)
        asked = replace(request, model=self._missing.model, extras=dict(request.extras))
        outgoing = self.dialect.write_request(asked, losses)
        lost = losses.settle(drop=self._drop)
        self.dropped = list(dict.fromkeys([*self._call.unknown, *lost]))
        return outgoing

    def frame(self, frame: Frame, events: Sequence[Event]) -> bytes:  # noqa: ARG002 - it is read
        """Write what a frame says."""
        if not events:
            return b""
        first = events[0]
        if isinstance(first, Begun):
            events = [self._missing.begun(first), *events[1:]]
        return self.writer.write(events)

    def end(self) -> bytes:
        """Add nothing: the writer has ended by itself."""
        return b""

    def fail(self, failure: Failure) -> bytes:
        """Write the caller's error event."""
        return self.writer.fail(failure)

    def whole(self, body: bytes) -> tuple[bytes, Usage | None]:
        """Translate a whole answer."""
        answer = self.dialect.read_answer(body)
        self._missing.put_into(answer)
        return self.caller.write_answer(answer, self._read), answer.usage

    @property
    def _read(self) -> Request:
        if self.request is None:
            raise RuntimeError("a translation of nothing")
        return self.request


def body_of(call: ModelCall, changes: dict[str, bytes]) -> bytes:
    """Return the body with some members changed.

    Of a name that stood twice the last one counted here, so that is the one that is sent: a
    provider must not take another one than the gateway has looked at.
    """
    fields = call.fields
    if not changes:
        size = 1 + sum(memoryview(raw).nbytes + len(name) + 4 for name, raw in fields.items())
        if size == len(call.body):
            return call.body  # nothing but these members, each once, and without any space
    pieces: list[bytes] = []
    for name, raw in fields.items():
        changed = changes.get(name)
        pieces.append(b"%b:%b" % (ENCODE(name), bytes(raw) if changed is None else changed))
    pieces += [b"%b:%b" % (ENCODE(n), raw) for n, raw in changes.items() if n not in fields]
    return b"{%b}" % b",".join(pieces)


def says(event: PartBegun) -> bool:
    """Whether a part that begins is more than the promise of words."""
    empty = event.empty
    return not isinstance(empty, Text | Thinking) or bool(empty.text or empty.signature)


def bare(call: ModelCall) -> Request:
    """Return a request that says no more than what its stream's writer must know."""
    return Request(dialect=call.endpoint.dialect, model=call.asked, messages=[], stream=call.stream)
