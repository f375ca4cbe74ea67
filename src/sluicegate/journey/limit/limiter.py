"""Takes from several limits for one request, all or nothing; the running part of `rate_limit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sluicegate.errors import RATE_LIMITED
from sluicegate.journey.limit.announcement import Announcement, Wording, seconds

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.subject import Subject
    from sluicegate.metrics import Cell
    from sluicegate.policy import Onward
    from sluicegate.state.contract import LimitState, Outcome, Take


class Limiter:
    """Limits that a request is under together."""

    __slots__ = ("_admitted", "_names", "_refused", "_state", "_subject", "_takes", "_wording")

    def __init__(
        self,
        state: LimitState,
        takes: Sequence[Take],
        subject: Subject,
        names: Sequence[str],
        wording: Wording,
        admitted: Cell,
        refused: Sequence[Cell],
    ) -> None:
        """`names` (for the detail of a refusal) and `refused` have a place for each of `takes`."""
        self._state = state
        self._takes = takes
        self._subject = subject
        self._names = names
        self._wording = wording
        self._admitted = admitted
        self._refused = refused

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Take, then go on or refuse; either way the response says what is left."""
        verdict = await self._state.take(self._takes, self._subject(exchange))
        exchange.on_head(Announcement(self._wording, verdict.outcomes).write)
        if verdict.admitted:
            self._admitted.value += 1
            await onward(exchange)
        else:
            self._refuse(exchange, verdict.outcomes)

    def _refuse(self, exchange: Exchange, outcomes: Sequence[Outcome]) -> None:
        wait_us = first = 0
        for index, outcome in enumerate(outcomes):
            if not outcome.admitted:
                self._refused[index].value += 1
                if outcome.retry_after_us > wait_us:
                    wait_us, first = outcome.retry_after_us, index
        retry = ((b"retry-after", str(seconds(wait_us)).encode()),)
        exchange.refuse(RATE_LIMITED, f"the limit of {self._names[first]} is used up", retry)
