"""A stream of text that broke off, continued by another deployment: where the route allows it.

The next one is shown what was said so far and is asked to go on. Its words are appended to the part
that is open, its reasoning is left out, and its tokens are added. What it says may repeat or skip
something: that is why a route has to ask for it. A stream in which a tool call has begun is not
continued, for half a call is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Event,
    Logprobs,
    Message,
    PartBegun,
    PartEnded,
    Request,
    Signed,
    Stopped,
    Text,
    Thinking,
    Usage,
    Used,
)

if TYPE_CHECKING:
    from sluicegate.journey.dispatch.model.attempt import ModelAttempt
    from sluicegate.journey.dispatch.model.calling import Calling
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.dialect import StreamWriter
    from sluicegate.llm.failure import Failure

GO_ON: Final = (
    "Your last message was cut off. Go on exactly where it stopped: "
    "repeat nothing of it and say nothing else."
)


class Continuing:
    """A `StreamWriter` around that of the caller's dialect: notes what was said, and joins."""

    __slots__ = (
        "_inner",
        "_joined",
        "_last",
        "_open",
        "_part",
        "_places",
        "_spent",
        "_words",
        "possible",
    )

    def __init__(self, inner: StreamWriter) -> None:
        """Nothing was said yet."""
        self._inner = inner
        self._joined = False
        self._last = 0
        self._places: dict[int, int] = {}
        self._open = False
        self._part = 0
        self._spent = Usage()
        self._words: list[str] = []
        self.possible = True

    @property
    def said(self) -> str:
        """The text so far."""
        return "".join(self._words)

    def write(self, events: Sequence[Event]) -> bytes:
        """Note and write."""
        if self._joined:
            events = [kept for event in events if (kept := self._kept(event)) is not None]
        for event in events:
            self._note(event)
        return self._inner.write(events)

    def fail(self, failure: Failure) -> bytes:
        """End with the error event."""
        return self._inner.fail(failure)

    def join(self, spent: Usage | None) -> None:
        """From now on the events of another stream come."""
        self._joined = True
        self._places.clear()
        if spent is not None:
            self._spent = spent

    def _note(self, event: Event) -> None:
        if isinstance(event, PartBegun):
            self._last = max(self._last, event.part)
            if isinstance(event.empty, Text) and event.choice == 0:
                self._open, self._part = True, event.part
            elif not isinstance(event.empty, Thinking):
                self.possible = False
        elif isinstance(event, Delta):
            if self._open and event.part == self._part:
                self._words.append(event.text)
        elif isinstance(event, PartEnded) and event.part == self._part:
            self._open = False
        elif isinstance(event, Stopped | Logprobs):
            self.possible = False  # it was whole, or is more than words

    def _kept(self, event: Event) -> Event | None:
        """Return an event of the second stream as it belongs to the first."""
        if isinstance(event, PartBegun):
            return self._beginning(event)
        if isinstance(event, Delta | PartEnded | Signed | Cited):
            place = self._places.get(event.part)
            return None if place is None else replace(event, part=place)
        if isinstance(event, Used):
            return Used(_sum(self._spent, event.usage))
        return None if isinstance(event, Begun) else event

    def _beginning(self, event: PartBegun) -> Event | None:
        """Find the place of a part: that of the open one for the first text, none for reasoning."""
        if isinstance(event.empty, Thinking):
            return None
        if isinstance(event.empty, Text) and self._open:
            self._places[event.part] = self._part
            return None
        self._last += 1
        self._places[event.part] = self._last
        return replace(event, part=self._last)


def asked_to_go_on(request: Request, said: str) -> Request:
    """Return the call that has the rest said."""
    so_far = Message(role="assistant", parts=[Text(text=said)])
    go_on = Message(role="user", parts=[Text(text=GO_ON)])
    return replace(request, messages=[*request.messages, so_far, go_on])


async def continued(
    calling: Calling, attempt: ModelAttempt, failure: Failure
) -> tuple[ModelAttempt, Failure | None]:
    """Have the rest said by other deployments; return the last attempt, and why it failed."""
    last: Failure | None = failure
    asked = attempt.deployment
    while last is not None and calling.joins(attempt):
        taken = await calling.following(last, asked)
        if taken is None:
            break
        following = calling.attempt(*taken)
        asked = following.deployment
        spent = _taken(calling.call)
        try:
            last = await following.begin()
            if last is None:
                attempt = following
                attempt.go_on()
                last = await attempt.rest()
                attempt.close(whole=last is None, failure=last)
        finally:
            following.close(whole=False, failure=None)
            calling.call.usage = _both(spent, calling.call.usage)
    return attempt, last


def _taken(call: ModelCall) -> Usage | None:
    """Return what was used so far, and begin anew.

    A function of its own: in the caller mypyc would hold `usage` for None however long it awaits.
    """
    spent, call.usage = call.usage, None
    return spent


def _both(first: Usage | None, second: Usage | None) -> Usage | None:
    return _sum(first, second) if first is not None and second is not None else second or first


def _sum(first: Usage, second: Usage) -> Usage:
    counts = [name for name in Usage.__struct_fields__ if name not in ("estimated", "tier")]
    total = Usage(**{name: getattr(first, name) + getattr(second, name) for name in counts})
    total.estimated = first.estimated or second.estimated
    total.tier = second.tier  # each was charged by its own
    return total
