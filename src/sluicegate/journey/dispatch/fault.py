"""`fault`: delays and failures on purpose, for drills.

Whether a request is delayed, and whether it is aborted, is drawn for each by itself; a delay comes
first. An answer that was touched says so in `sluicegate-fault`, so that nobody looks for a failure
that is a drill; an aborted exchange has the outcome `fault` in the access log.
"""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import DEADLINE_PASSED, FAULT_INJECTED
from sluicegate.model.resource import Resource
from sluicegate.model.units import Duration
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

MARK = b"sluicegate-fault"
DELAY, ABORT, CUT = "delay", "abort", "cut"

Share = Annotated[
    float, Meta(ge=0, le=100, description="Percent of requests; `0.1` is one of 1000.")
]


class Delay(Resource, frozen=True, kw_only=True):
    """Wait before the request goes on. The caller's deadline ends the wait with 504."""

    time: Annotated[Duration, Meta(description="How long.")]
    share: Share = 100


class Abort(Resource, frozen=True, kw_only=True):
    """Answer in the service's place, or cut the client's connection."""

    status: Annotated[
        Annotated[int, Meta(ge=400, le=599)] | None,
        Meta(description="Answer with a problem document of this status."),
    ] = None
    cut: Annotated[bool, Meta(description="Reset the connection, without an answer.")] = False
    share: Share = 100

    def __post_init__(self) -> None:
        """Refuse to do both or neither."""
        if (self.status is None) is not self.cut:
            raise ValueError("write one of `status` and `cut: true`")


class Config(PolicyConfig, frozen=True, kw_only=True):
    """What is injected, and into which requests."""

    delay: Annotated[Delay | None, Meta(description="A wait.")] = None
    abort: Annotated[Abort | None, Meta(description="A failure.")] = None
    header: Annotated[
        dict[str, str],
        Meta(description="Name to value: only requests that carry all of these. Empty: all."),
    ] = {}

    def __post_init__(self) -> None:
        """Refuse a policy that does nothing."""
        if self.delay is None and self.abort is None:
            raise ValueError("nothing is injected: write `delay`, `abort` or both")


class Policy:
    """Injects faults between the policies of a route and its service."""

    __slots__ = ("_abort", "_cells", "_clock", "_delay", "_header", "_problem", "random")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Keep what is injected; `random` draws, and may be seeded."""
        self.random = random.Random()  # noqa: S311 - spreads faults, no secret
        self._clock = parts.clock
        self._delay = config.delay
        self._abort = config.abort
        self._header = [
            (name.lower().encode(), value.encode("latin-1", "replace"))
            for name, value in config.header.items()
        ]
        status = None if config.abort is None else config.abort.status
        self._problem = None if status is None else replace(FAULT_INJECTED, status=status)
        family = parts.metrics.family(
            "sluicegate_faults_injected_total",
            "counter",
            "Faults that the policy `fault` has injected: delay, abort or cut.",
            ("scope", "kind"),
        )
        self._cells = {kind: family.cell(parts.scope, kind) for kind in (DELAY, ABORT, CUT)}

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Draw, wait, fail."""
        headers = exchange.request.headers
        if not all(value in headers.get_all(name) for name, value in self._header):
            await onward(exchange)
            return
        delay, abort = self._delay, self._abort
        delayed = delay is not None and self._drawn(delay.share)
        aborted = abort is not None and self._drawn(abort.share)
        if delay is not None and delayed and not await self._wait(exchange, delay):
            return
        if abort is None or not aborted:
            await onward(exchange)
            return
        exchange.outcome = "fault"
        if self._problem is None:
            self._cells[CUT].value += 1
            exchange.cut()
            return
        self._cells[ABORT].value += 1
        exchange.on_head(lambda _: _mark(exchange, ABORT))
        exchange.refuse(self._problem)

    def _drawn(self, share: float) -> bool:
        return self.random.random() * 100 < share

    async def _wait(self, exchange: Exchange, delay: Delay) -> bool:
        """Wait; answer and return False where the caller's deadline comes first."""
        self._cells[DELAY].value += 1
        exchange.on_head(lambda _: _mark(exchange, DELAY))
        left_s = inf
        if exchange.deadline < inf:
            left_s = max(0.0, exchange.deadline - self._clock.monotonic())
        await self._clock.sleep(min(float(delay.time), left_s))
        if left_s > delay.time:
            return True
        exchange.refuse(DEADLINE_PASSED)
        return False


def _mark(exchange: Exchange, kind: str) -> None:
    if exchange.response is not None:
        exchange.response.headers.append((MARK, kind.encode()))
