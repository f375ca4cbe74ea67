"""From chunks of a provider to events.

A chunk that holds more text of what came last is the usual case and costs one typed decode. Parts
are numbered as they begin; another part begins where reasoning, text, a refusal or a tool's call
takes turns. The end marker is `data: [DONE]` (openai/_streaming.py), and the usage comes before it
in a chunk without choices, where `stream_options.include_usage` asked for it. Others say it beside
the last choice (Mistral, DeepSeek), in it (Moonshot), or in every chunk (Perplexity): the last one
counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Event,
    Failed,
    Logprobs,
    Opaque,
    PartBegun,
    PartEnded,
    Refusal,
    Signature,
    Signed,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from sluicegate.llm.dialects.openai_chat import answer_shape as shape
from sluicegate.llm.dialects.openai_chat.answer_reader import (
    citations_of,
    decoded,
    opaque_of,
    pieces_of,
)
from sluicegate.llm.dialects.openai_chat.failures import failure_of_error
from sluicegate.llm.dialects.openai_chat.signatures import of_block, of_content
from sluicegate.llm.dialects.openai_chat.stops import BROKEN, stop_of
from sluicegate.llm.failure import Failure, Malformed

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Frame

DONE: Final = b"[DONE]"


class ChatStreamReader:
    """Reads one stream."""

    __slots__ = ("_begun", "_choices", "_ended", "_failed", "_tier")

    def __init__(self) -> None:
        """Begin before the first chunk."""
        self._begun = False
        self._ended = False
        self._failed = False
        self._tier = ""
        self._choices: dict[int, ChoiceReader] = {}

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""
        data = frame.data
        if not data or self._ended or self._failed:
            return ()
        if data.startswith(DONE):
            return self._done()
        chunk = decoded(shape.CHUNK, data)
        choices = chunk.choices
        # The usual case: one choice goes on.
        if self._begun and chunk.usage is None and choices and len(choices) == 1:
            choice = choices[0]
            reader = self._choices.get(choice.index)
            delta = choice.delta
            if (
                reader is not None
                and delta is not None
                and type(delta.content) is str
                and delta.content
                and reader.kind == "text"
                and _is_plain(choice, delta)
            ):
                return (Delta(choice.index, reader.part, delta.content),)
        return self._read_all(chunk)

    def end(self) -> Sequence[Event]:
        """Take notice that the bytes have ended (cleanly). Raises Malformed where too early."""
        if not self._ended and not self._failed:
            raise Malformed("the stream ended before its end marker")
        return ()

    def _done(self) -> Sequence[Event]:
        if not self._choices or not all(choice.stopped for choice in self._choices.values()):
            raise Malformed("the stream's end marker came before the end of the answer")
        self._ended = True
        return (Ended(),)

    def _read_all(self, chunk: shape.Chunk) -> Sequence[Event]:
        if bytes(chunk.error) != b"null":
            self._failed = True
            return (Failed(failure_of_error(bytes(chunk.error))),)
        if chunk.choices is None and chunk.usage is None:
            raise Malformed("a chunk of the stream is of an unknown shape")
        events: list[Event] = []
        self._tier = chunk.service_tier or self._tier
        # Azure's first chunk is about the prompt, and has neither id nor model.
        if not self._begun and (chunk.choices or chunk.usage is not None):
            self._begun = True
            events.append(
                Begun(
                    chunk.id or "",
                    chunk.model or "",
                    int(chunk.created or 0),
                    None,
                    chunk.service_tier,
                    chunk.system_fingerprint,
                )
            )
        for choice in chunk.choices or ():
            reader = self._choices.get(choice.index)
            if reader is None:
                reader = self._choices[choice.index] = ChoiceReader(choice.index)
            reader.read(choice, events)
            if choice.finish_reason in BROKEN:
                self._failed = True
                events.append(Failed(broken()))
        used = chunk.usage
        if used is None and chunk.choices:
            used = chunk.choices[-1].usage
        if used is not None:
            events.append(Used(shape.usage_of(used, self._tier)))
        return events


def _is_plain(choice: shape.ChunkChoice, delta: shape.Message) -> bool:
    """Say whether a chunk holds text and nothing else."""
    return (
        choice.finish_reason is None
        and choice.logprobs is None
        and choice.usage is None
        and not delta.tool_calls
        and not delta.reasoning_content
        and not delta.reasoning
        and not delta.refusal
        and delta.annotations is None
        and delta.thinking_blocks is None
        and delta.sluicegate is None
        and delta.extra_content is None
        and delta.audio is None
        and delta.images is None
    )


def broken() -> Failure:
    """Return the failure of an answer that its provider broke off."""
    return Failure(kind="server_error", status=500, message="the provider broke the answer off")


class ChoiceReader:
    """Reads one choice of a stream. `kind` is that of the part that is open, "" for none."""

    __slots__ = (
        "_called",
        "_calls",
        "_events",
        "_index",
        "_next",
        "_thought",
        "kind",
        "part",
        "stopped",
    )

    def __init__(self, index: int) -> None:
        """Begin before its first part."""
        self._index = index
        self._next = 0
        self._calls: dict[int, str] = {}
        self._called = -1
        self._thought = False
        self._events: list[Event] = []
        self.kind = ""
        self.part = -1
        self.stopped = False

    def read(self, choice: shape.ChunkChoice, events: list[Event]) -> None:
        """Add what a chunk says of this choice. Raises Malformed."""
        self._events = events
        before = len(events)
        delta = choice.delta
        if delta is not None:
            self._read_thinking(delta)
            self._read_words(delta)
            self._read_others(delta)
            for call in delta.tool_calls or ():
                self._read_call(call)
        if self.stopped and len(events) > before:
            raise Malformed("a choice of the stream went on after its end")
        tokens = choice.logprobs
        if tokens is not None and (tokens.content or tokens.refusal):
            events.append(Logprobs(self._index, tokens.content or tokens.refusal or []))
        if choice.finish_reason and choice.finish_reason not in BROKEN and not self.stopped:
            self._end_part()
            self.stopped = True
            events.append(Stopped(self._index, self._stop(choice)))

    def _stop(self, choice: shape.ChunkChoice) -> Stop:
        return stop_of(choice.finish_reason, choice.sluicegate, called=bool(self._calls))

    # --- reasoning, words ---

    def _read_thinking(self, delta: shape.Message) -> None:
        text = delta.reasoning_content or delta.reasoning
        if not text and isinstance(delta.content, list):
            text = "".join(text for kind, text in pieces_of(delta.content) if kind == "thinking")
        if text:
            self._thought = True
            self._more("thinking", text)
        for block in delta.thinking_blocks or ():
            self._read_block(block)

    def _read_block(self, block: shape.Block) -> None:
        """Read a block's signature; its text only where `reasoning_content` did not say it."""
        thinking = of_block(block)
        if thinking.redacted:
            self._begin("redacted", thinking)
            self._end_part()
            return
        if block.thinking and not self._thought:
            self._more("thinking", block.thinking)
        if thinking.signature is not None:
            if self.kind != "thinking":
                self._begin("thinking", Thinking())
            self._sign(thinking.signature)
            self._end_part()
            self._thought = False

    def _read_words(self, delta: shape.Message) -> None:
        content = delta.content
        if isinstance(content, list):
            content = "".join(text for kind, text in pieces_of(content) if kind == "text")
        if content:
            self._more("text", content)
        if delta.refusal:
            self._more("refusal", delta.refusal)

    def _more(self, kind: str, text: str) -> None:
        if self.kind != kind:
            self._begin(kind, EMPTY[kind]())
        self._events.append(Delta(self._index, self.part, text))

    def _begin(self, kind: str, empty: Text | Thinking | ToolCall | Refusal | Opaque) -> None:
        self._end_part()
        self.kind = kind
        self.part = self._next
        self._next += 1
        self._events.append(PartBegun(self._index, self.part, empty))

    def _end_part(self) -> None:
        if self.kind:
            self._events.append(PartEnded(self._index, self.part))
            self.kind = ""

    def _sign(self, signature: Signature) -> None:
        self._events.append(Signed(self._index, self.part, signature))

    # --- what is rare ---

    def _read_others(self, delta: shape.Message) -> None:
        signature = of_content(delta.extra_content)
        citations = citations_of(delta)
        if signature or citations:
            if self.kind != "text":
                self._begin("text", Text(text=""))
            for citation in citations:
                self._events.append(Cited(self._index, self.part, _unnumbered(citation)))
            if signature:
                self._sign(signature)
        raws: list[Opaque] = []
        if delta.audio is not None:
            raws.append(Opaque(dialect="openai_chat", raw={"audio": delta.audio}))
        raws += [Opaque(dialect="openai_chat", raw={"images": [i]}) for i in delta.images or ()]
        if delta.sluicegate is not None:
            raws += map(opaque_of, delta.sluicegate.parts)
        for raw in raws:
            self._begin("opaque", raw)
            self._end_part()

    # --- calls of tools ---

    def _read_call(self, call: shape.Call) -> None:
        """Read a piece of a call: the first has id and name, the others more of its arguments."""
        piece: Any = call.custom or call.function
        number = call.index
        if number is None:
            number = len(self._calls) if call.id else self._called
        known = self._calls.get(number)
        # Some servers number all calls 0, each whole and with an id of its own.
        if known is None or (call.id and call.id != known and piece is not None and piece.name):
            self._begin_call(call, number)
        elif number != self._called or self.kind != "call":
            raise Malformed("a call of a tool goes on after its end")
        text = None
        if piece is not None:
            text = call.custom.input if call.custom else piece.arguments
        if text:
            self._events.append(Delta(self._index, self.part, text))
        elif known is not None and (signature := of_content(call.extra_content)):
            self._sign(signature)

    def _begin_call(self, call: shape.Call, number: int) -> None:
        piece = call.custom or call.function
        if piece is None or not piece.name:
            raise Malformed("a call of a tool names no tool")
        identity = call.id or f"call_{len(self._calls)}"
        self._begin(
            "call",
            ToolCall(
                id=identity,
                name=piece.name,
                arguments="",
                custom=call.custom is not None,
                signature=of_content(call.extra_content),
            ),
        )
        self._calls[number] = identity
        self._called = number


def _empty_text() -> Text:
    return Text(text="")


def _empty_refusal() -> Refusal:
    return Refusal(text="")


EMPTY: Final[dict[str, Any]] = {
    "text": _empty_text,
    "thinking": Thinking,
    "refusal": _empty_refusal,
}


def _unnumbered(citation: dict[str, Any]) -> dict[str, Any]:
    """Return a citation without the number that stands in streams for the SDK."""
    return {name: value for name, value in citation.items() if name != "index"}
