"""What one attempt says of its target: to its standing, its latency, and the service's limit.

    begun ──▶ head ─────────────▶ nothing more, or `failed` for a body that broke
          └─▶ failed

A target is blamed only for what it did. A caller that goes away, whose own deadline is short, or
who sends and reads so slowly that `timeouts.total` is over, must not be able to take it out; nor
must answers that a caller may provoke, such as 500, unless the service counts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.errors import (
    ConnectFailed,
    ConnectTimeout,
    HedgeLost,
    PoolFull,
    UpstreamAnswered,
    UpstreamError,
    UpstreamTimeout,
    UpstreamTooLarge,
)

if TYPE_CHECKING:
    from sluicegate.journey.dispatch.retry import Call
    from sluicegate.upstream.target import Target

FIRST_SERVER_ERROR: Final = 500
EARLY_S: Final = 0.001
"""How much too early a timer may fire: libuv's are of whole milliseconds."""


class Judgement:
    """Counts one attempt at its target, from its begin to its end.

    `started` is when the target could begin to answer, in monotonic seconds.
    """

    __slots__ = ("_call", "_judged", "_target", "_term", "started")

    def __init__(self, call: Call, target: Target) -> None:
        """Count nothing yet."""
        self._call = call
        self._target = target
        self._judged = False
        self._term = 0
        self.started = 0.0

    def begin(self) -> None:
        """Count an attempt that begins."""
        target = self._target
        target.in_flight += 1
        target.attempts += 1
        self._term = target.standing.begin()
        self.restart()

    def restart(self) -> None:
        """Start the clock anew: the request is on its way only now, or only now whole."""
        self.started = self._call.exchange.clock.monotonic()

    def head(self, status: int, now: float) -> None:
        """Take a response's head.

        While the client still sends, it is not the target's pace that decides when it comes.
        """
        target, service = self._target, self._call.service
        body = self._call.exchange.request.body
        paced = body is not None and not body.ended
        took_s = now - self.started
        self._say(bad=status in service.failure_statuses or (took_s > service.slow_s and not paced))
        if status >= FIRST_SERVER_ERROR:
            if service.by_latency:
                target.latency.failed(took_s, now)
        elif not paced:
            if service.by_latency:
                target.latency.observe(took_s, now)
            if service.admission is not None:
                service.admission.observe(took_s, now)

    def failed(self, failure: BaseException, *, stale: bool) -> None:
        """Take what ended the attempt; `stale`: only a kept connection that was closed."""
        target = self._target
        if isinstance(failure, UpstreamAnswered):
            target.failed(failure)  # judged by its head
            return
        if stale or not isinstance(failure, UpstreamError) or self._innocent(failure):
            if isinstance(failure, PoolFull):
                target.failed(failure)  # it shows, and says nothing of its standing
            if not self._judged:
                self._judged = True
                target.standing.released(self._term)
            return
        target.failed(failure)
        service, now = self._call.service, self._call.exchange.clock.monotonic()
        if isinstance(failure, ConnectFailed | ConnectTimeout):
            self._judged = True
            target.standing.ended(self._term, True, unreachable=True)
        else:
            silent = isinstance(failure, UpstreamTimeout) and not self._judged
            if silent and service.admission is not None:
                service.admission.observe(now - self.started, now)
            self._say(bad=True)
        if service.by_latency:
            target.latency.failed(now - self.started, now)

    def end(self) -> None:
        """Count the attempt as over."""
        self._target.in_flight -= 1

    def _say(self, *, bad: bool) -> None:
        """Say how the target did: at its head, and again for what goes wrong after a good one."""
        self._judged = True
        self._target.standing.ended(self._term, bad)

    def _innocent(self, failure: UpstreamError) -> bool:
        if isinstance(failure, PoolFull | HedgeLost | UpstreamTooLarge):
            return True
        if not isinstance(failure, UpstreamTimeout | ConnectTimeout):
            return False
        call = self._call
        now = call.exchange.clock.monotonic()
        if call.until > now + EARLY_S:
            return False  # it was a bound of the target's own
        body = call.exchange.request.body
        if call.expired or self._judged or (body is not None and not body.ended):
            return True
        # `timeouts.total` was over. Where others used up most of it, they are to blame.
        return now - self.started < call.destination.timeouts.total / 2
