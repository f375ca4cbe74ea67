"""The contract of a dialect: bytes of one wire format to and from the canonical form. Sans I/O.

A dialect is a module or a package `llm/dialects/<name>`, which holds `DIALECT`. Same dialect in and
out passes bytes through; then only `measure` or a `StreamReader` looks at them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Answer, Event, Request, Usage
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.losses import Losses


class Frame(NamedTuple):
    """One event of a stream, whole: `raw` are all its bytes, for passing on as they are.

    `name` is the type that its framing gives it ("" where it gives none), `data` what it holds.
    A frame without data (a comment, a ping of the framing) has `data` b"".
    """

    raw: bytes
    name: str
    data: bytes


class Framing(Protocol):
    """Cuts a byte stream into frames."""

    def feed(self, data: bytes) -> list[Frame]:
        """Take bytes, return the frames that they complete. Raises Malformed."""

    @property
    def rest(self) -> int:
        """Bytes of a frame that has begun and not ended."""


class StreamReader(Protocol):
    """Reads one stream of a provider. Used for pass-through as well: it must be cheap per frame."""

    def read(self, frame: Frame) -> Sequence[Event]:
        """Return what a frame says. Raises Malformed."""

    def end(self) -> Sequence[Event]:
        """Take notice that the bytes have ended (cleanly). Raises Malformed where too early."""


class StreamWriter(Protocol):
    """Writes one stream to a client, in its dialect."""

    def write(self, events: Sequence[Event]) -> bytes:
        """Return the bytes of some events, which may be none (`b""`)."""

    def fail(self, failure: Failure) -> bytes:
        """Return the dialect's own error event: the last bytes of a stream that failed."""


class Incoming(NamedTuple):
    """A caller's request: what a dialect needs besides the body.

    `model` and `stream` are what the path says, where the dialect has them there (gemini_generate).
    """

    body: bytes
    model: str = ""
    stream: bool = False


class Outgoing(NamedTuple):
    """What a provider is sent. `headers` are of the dialect itself, such as `anthropic-version`."""

    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()


class Dialect(Protocol):
    """One wire format. Stateless."""

    @property
    def name(self) -> str:
        """Its name, as the module's."""

    @property
    def family(self) -> str:
        """The family whose signatures stand in it as they are; "" for none."""

    @property
    def names(self) -> Mapping[str, str]:
        """What it calls fields of `canonical.Request`, where that differs."""

    def framing(self) -> Framing:
        """Return what cuts a provider's stream."""

    @property
    def stream_type(self) -> bytes:
        """The media type of its streams."""

    # --- as the caller's ---

    def read_request(self, incoming: Incoming, *, drop: bool = False) -> tuple[Request, list[str]]:
        """Read a call, and the fields that were dropped as unknown (only where `drop`).

        Raises CallError: names the field that is unknown, missing or of a wrong type.
        """

    def write_answer(self, answer: Answer, request: Request) -> bytes:
        """Write a whole answer."""

    def writer(self, request: Request) -> StreamWriter:
        """Return what writes a stream."""

    def write_failure(self, failure: Failure, request_id: str) -> bytes:
        """Write the body of an error; its status is `failure.status`."""

    # --- as the provider's ---

    def write_request(self, request: Request, losses: Losses) -> Outgoing:
        """Write a call; tell `losses` what is not in it."""

    def read_answer(self, body: bytes) -> Answer:
        """Read a whole answer. Raises Malformed."""

    def measure(self, body: bytes) -> Usage | None:
        """Look whether a body is a whole answer, and what it used; cheap. Raises Malformed."""

    def reader(self) -> StreamReader:
        """Return what reads a stream."""

    def read_failure(self, status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
        """Classify an answer with an error status. Never raises: `body` may be anything."""
