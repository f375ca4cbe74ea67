"""One exchange at one service: its attempts, until one of them has answered.

A failed attempt is followed by another one only if the request can be sent again without harm:
nothing of a response has reached the client; the method is idempotent, or nothing was sent to a
target; and the body was not begun or is kept (64 KiB). So a POST that a target may have read is
never sent a second time. Each attempt goes to a target that was not tried yet, as long as there is
one; retries have a budget (upstream/retry_budget.py) and wait before they begin, longer each time
and at random, so that targets that recover are not met by everyone at once.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from sluicegate.errors import (
    DEADLINE_PASSED,
    UNAVAILABLE,
    UPSTREAM_TIMEOUT,
    ConnectTimeout,
    Refused,
    UpstreamError,
    UpstreamTimeout,
    UpstreamTooLarge,
)
from sluicegate.journey.dispatch.attempt import Attempt
from sluicegate.journey.dispatch.hedge import Hedge
from sluicegate.journey.dispatch.judgement import EARLY_S
from sluicegate.journey.run import answer

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.upstream.destination import Destination
    from sluicegate.upstream.target import Target

STALE: Final = "stale"
"""The reason of a retry after a kept connection turned out to have been closed (RFC 9112, 9.3.1).

That says nothing of the target: the next attempt begins at once, and may be at the same one.
"""
NEVER: Final = float("inf")
AWAY: Final = 503
AGAIN = ((b"retry-after", b"1"),)
"""Nothing has reached a target, so coming again does no harm: probes look twice a second."""


class Call:
    """The attempts of one exchange at one service."""

    __slots__ = (
        "_next",
        "_retrying",
        "_wait_s",
        "destination",
        "exchange",
        "fresh",
        "hedge",
        "service",
        "tried",
        "until",
    )

    def __init__(self, exchange: Exchange, destination: Destination) -> None:
        """`until` is when all attempts must have ended, in the loop's monotonic seconds."""
        self.exchange = exchange
        self.destination = destination
        self.service = destination.service
        total_s = destination.timeouts.total
        limit = exchange.started_at + total_s if total_s else NEVER
        self.until = min(exchange.deadline, limit)
        self.tried: tuple[Target, ...] = ()
        self.fresh = False
        self.hedge: Hedge | None = None
        self._next: Target | None = None
        self._retrying = False
        self._wait_s = 0.0

    async def run(self) -> None:
        """Make attempts until a response has been passed on. Answers what goes wrong.

        Where the service has a limit, the call has its permit already, and gives it back.
        """
        exchange = self.exchange
        self.service.budget.live += 1
        try:
            attempt = self._first()
            while True:
                try:
                    if self.hedge is None:
                        await attempt.run()
                    else:
                        await self.hedge.run()
                except UpstreamError as error:
                    if not self._follows(attempt, error):
                        raise
                else:
                    break
                self.hedge = None
                attempt = await self._prepare()
            if exchange.held:
                await exchange.finish_whole()
        except UpstreamError as error:
            self._give_up(error)
        except Refused as refused:
            answer(exchange, refused)
        finally:
            self._end()

    @property
    def expired(self) -> bool:
        """Whether the caller's deadline, not one of ours, has passed."""
        exchange = self.exchange
        return exchange.deadline <= exchange.clock.monotonic() + EARLY_S

    def nobody(self) -> Refused:
        """Return what is said when no target takes requests."""
        after = str(self.service.ward.retry_after()).encode()
        detail = "no target of the service takes requests"
        return Refused(UNAVAILABLE, detail, ((b"retry-after", after),))

    def answered(self) -> None:
        """Take notice that a response has begun, or that nothing more will be tried."""
        if self._retrying:
            self._retrying = False
            self.service.budget.give_back()

    def _end(self) -> None:
        """Give back what was taken, and wait for nothing more of the client."""
        service = self.service
        service.budget.live -= 1
        self.answered()
        if service.admission is not None:
            service.admission.leave()
        body = self.exchange.request.body
        if body is not None and not body.ended:
            body.detach()

    def _first(self) -> Attempt:
        if self.until <= self.service.deadlines.now:  # as old as a tick, and costs nothing
            self._check_time()
        target = self.destination.pick(self.exchange)
        if target is None:
            raise self.nobody()
        attempt = Attempt(self, target)
        if self.service.hedging is not None and Hedge.may(self):
            self.hedge = Hedge(self, attempt)
        return attempt

    def _check_time(self) -> None:
        """Begin no attempt that has no time: it would say of the target what is not so."""
        if self.until != NEVER and self.until <= self.exchange.clock.monotonic():
            raise Refused(DEADLINE_PASSED if self.expired else UPSTREAM_TIMEOUT)

    def _give_up(self, error: UpstreamError) -> None:
        """Answer for the last attempt."""
        self.exchange.outcome = error.reason
        problem = error.problem
        if isinstance(error, UpstreamTimeout | ConnectTimeout) and self.expired:
            problem = DEADLINE_PASSED
        answer(self.exchange, Refused(problem, None, AGAIN if problem.status == AWAY else ()))

    # --- whether there is another attempt ----------

    def repeats_answer(self, attempt: Attempt, status: int, asked_s: float) -> bool:
        """Whether another attempt is made instead of passing this answer on. If so, it must be.

        `asked_s` is what the answer's `Retry-After` asks for.
        """
        if not attempt.can_repeat(reached=True):
            return False
        other = self._other(attempt)
        if other is None or other in self.tried:
            if asked_s > self.service.config.retry.max_wait:
                self.service.not_retried("retry_after")
                return False
        else:
            asked_s = 0.0
        wait_s = max(asked_s, self._backoff())
        if not self._granted(other, wait_s):
            return False
        self._next = other
        self._wait_s = wait_s
        self.service.retried(str(status))
        return True

    def _follows(self, attempt: Attempt, error: UpstreamError) -> bool:
        """Decide whether an attempt follows one that failed, and which."""
        if self._next is not None:  # decided when the answer came
            self._taken_back(attempt)
            return True
        stale = attempt.stale(error)
        if isinstance(error, UpstreamTooLarge) or not attempt.can_repeat(reached=attempt.reached):
            return False
        other = self._other(attempt)
        wait_s = 0.0 if stale else self._backoff()
        # Where nothing was sent, or the target has just gone out and gets no more, another attempt
        # is not one more for anybody: it takes the place of one. The budget is for the others.
        free = not attempt.reached or not attempt.target.available
        if not self._granted(other, wait_s, free=free):
            return False
        self._next = other
        self._wait_s = wait_s
        self.fresh = True  # where one kept connection was dead, others may be
        self.service.retried(STALE if stale else error.reason)
        self._taken_back(attempt)
        return True

    def _other(self, attempt: Attempt) -> Target | None:
        """Return a target that was not tried yet; one that was, if there is no other."""
        self.tried = (*self.tried, attempt.target)
        spent = self.exchange.attempts >= self.service.config.retry.attempts
        return None if spent else self._pick()

    def _pick(self) -> Target | None:
        exchange, destination = self.exchange, self.destination
        return destination.pick(exchange, self.tried) or destination.pick(exchange)

    def _granted(self, target: Target | None, wait_s: float, *, free: bool = False) -> bool:
        """Take what a retry costs; say in the metrics why there is none."""
        service = self.service
        retry = service.config.retry
        why = ""
        if self.exchange.attempts >= retry.attempts:
            why = "attempts"
        elif target is None:
            why = "no_target"
        elif self.until <= self.exchange.clock.monotonic() + wait_s:
            why = "deadline"
        elif not self._retrying and not free:
            self._retrying = service.budget.take()
            why = "" if self._retrying else "budget"
        if why and retry.attempts > 1:
            service.not_retried(why)
        return not why

    def _taken_back(self, attempt: Attempt) -> None:
        exchange = self.exchange
        exchange.forget_response()
        if exchange.request.body is not None:
            exchange.request.body.put_back(attempt.kept)

    def _backoff(self) -> float:
        retry = self.service.config.retry
        longest = min(retry.max_backoff, retry.backoff * 2.0 ** (self.exchange.attempts - 1))
        return random.random() * longest  # noqa: S311 - spreads load, no secret

    async def _prepare(self) -> Attempt:
        """Wait as decided, then return the next attempt."""
        target, self._next = self._next, None
        if self._wait_s > 0:
            clock = self.exchange.clock
            await clock.sleep(min(self._wait_s, self.until - clock.monotonic()))
            self._check_time()
        if target is None or not target.available:
            target = self._pick()
        if target is None:
            raise self.nobody()
        self.fresh = self.fresh or target in self.tried
        return Attempt(self, target)
