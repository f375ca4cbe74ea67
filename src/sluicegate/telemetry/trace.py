"""The trace of one exchange: its ids, its attempts, and whether it is sampled.

W3C Trace Context is read as the recommendation has it (https://www.w3.org/TR/trace-context/,
"Versioning of traceparent"): of a higher version only the fields of version 00 are read, whatever
follows them; `ff`, zeros and anything but lower-case hex digits are nobody's trace. What we write
is version 00.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.telemetry.genai import ModelSpan

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:\Z|-)"
)
_LENGTH: Final = 55
"""Of a `traceparent` of version 00, which has nothing after its flags."""
_FLAGGED: Final = frozenset((b"1", b"3", b"5", b"7", b"9", b"b", b"d", b"f"))
"""Last digits of flags whose lowest bit, `sampled`, is set; other bits say other things."""
_ZERO_ID: Final = "0" * 16


class Parent:
    """What a `traceparent` says: a trace, a span in it, and whether that one was sampled."""

    __slots__ = ("sampled", "span_id", "trace_id")

    def __init__(self, trace_id: str, span_id: str, sampled: bool) -> None:  # noqa: FBT001 - a fact
        """Take ids of 32 and 16 hex digits."""
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled


def is_trace(value: bytes) -> bool:
    """Say whether a `traceparent` can be carried on; else the trace has to begin anew."""
    return _match(value) is not None


def parse(value: bytes) -> Parent | None:
    """Read the value of a `traceparent`; None where the trace has to begin anew."""
    match = _match(value)
    if match is None:
        return None
    trace_id: bytes = match[1]
    span_id: bytes = match[2]
    return Parent(trace_id.decode("ascii"), span_id.decode("ascii"), match[3] in _FLAGGED)


def _match(value: bytes) -> re.Match[bytes] | None:
    match = _TRACEPARENT.match(value)
    return None if value.startswith(b"00") and len(value) != _LENGTH else match


def written(trace_id: str, span_id: str, *, sampled: bool) -> bytes:
    """Write a `traceparent` of version 00."""
    flags = "01" if sampled else "00"
    return f"00-{trace_id}-{span_id}-{flags}".encode("ascii")


def is_flagged(value: bytes) -> bool:
    """Say whether the `sampled` flag is set in a `traceparent` of the right form."""
    return value[54:55] in _FLAGGED


def new_trace_id() -> str:
    """Return 32 random hex digits (all zero: 1 in 2 ** 128)."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """Return 16 random hex digits, not all of them zero."""
    made = os.urandom(8).hex()
    return made if made != _ZERO_ID else "0" * 15 + "1"


def bound_of(share: float) -> bytes:
    """Return what the last 16 digits of a sampled trace id come before.

    This is the OpenTelemetry SDK's `TraceIdRatioBased`: the lower 64 bits of the id, as a number,
    are below `share` times 2 ** 64. Everyone who uses it finds the same about a trace, and who
    samples more has all of what others sample. Digits compare as the numbers they stand for.
    """
    bound = round(share * 2**64)
    return b"g" if bound >= 2**64 else b"%016x" % bound


class AttemptSpan:
    """One try of an exchange at a target. Times are microseconds since 1970; `end_us` 0: not yet.

    `number` is 1 for the first attempt. `status` is 0 where no response came; `error` names what
    went wrong (the `reason` of an UpstreamError, `cancelled`, …), None where nothing did. `model`
    is there where a model was called.
    """

    __slots__ = ("end_us", "error", "model", "number", "service", "span_id", "start_us", "status",
                 "target", "trace_id")  # fmt: skip

    def __init__(
        self, trace_id: str, service: str, target: str, number: int, start_us: int
    ) -> None:
        """Begin, under an id of its own."""
        self.trace_id = trace_id
        self.span_id = new_span_id()
        self.service = service
        self.target = target
        self.number = number
        self.start_us = start_us
        self.end_us = 0
        self.status = 0
        self.error: str | None = None
        self.model: ModelSpan | None = None

    def end(self, now_us: int, status: int = 0, error: str | None = None) -> None:
        """Note how it ended. The first word counts."""
        if not self.end_us:
            self.end_us = now_us
            self.status = status
            self.error = error

    def traceparent(self) -> bytes:
        """Return what the target is told: this attempt is the parent, and it is sampled."""
        return written(self.trace_id, self.span_id, sampled=True)


class Trace:
    """A sampled exchange: ids in hex digits, `parent_id` None at the root; its attempts so far."""

    __slots__ = ("attempts", "parent_id", "span_id", "trace_id")

    def __init__(self, trace_id: str, span_id: str, parent_id: str | None) -> None:
        """`span_id` is the exchange's own."""
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.attempts: list[AttemptSpan] = []

    def attempt(self, service: str, target: str, number: int, now_us: int) -> AttemptSpan:
        """Begin the span of an attempt; `number` is 1 for the first."""
        span = AttemptSpan(self.trace_id, service, target, number, now_us)
        self.attempts.append(span)
        return span

    def traceparent(self) -> bytes:
        """Return what stands for the exchange itself: its own span is the parent."""
        return written(self.trace_id, self.span_id, sampled=True)
