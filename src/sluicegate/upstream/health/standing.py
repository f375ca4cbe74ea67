"""Whether one target takes calls: in, out, on trial, or down.

    in ── its window trips, or it fails several times in a row ──▶ out
    out ── its time is over, or a probe or check did well ──▶ trial
    trial ── all calls that are let through do well ──▶ in;   one does not ──▶ out

`down` is the verdict of active checks and lies above these: `up` uncovers what is below.

Each state has a term, a number that `begin` hands out and that comes back with the outcome. An
outcome of another term tells of the past: it neither makes a time out longer nor decides a trial.

Sources: Envoy's outlier detection (`outlier_detection_impl.cc`: failures in a row, growing times,
jitter on top, a passed check ends it); resilience4j's breaker. There a trial whose calls never end
stands for ever (its report 935); here it has failed after a while, as its
`maxWaitDurationInHalfOpenState` does.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, Literal, Protocol

from sluicegate.upstream.breaker import Trial, Window
from sluicegate.upstream.health.ejections import Ejections
from sluicegate.upstream.health.news import News
from sluicegate.wire.deadlines import TICK_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.model.resilience import Breaker, Ejection
    from sluicegate.upstream.health.ward import Ward
    from sluicegate.wire.deadlines import Deadlines

State = Literal["in", "trial", "out", "down"]
Own = Literal["ejected", "open"]
Cause = Literal[Own, "asked"]

IN, TRIAL, OUT = 0, 1, 2
"""As `sluicegate_breaker_state` shows them."""
NO_TERM: Final = -1
"""Of an attempt that does not count, as one begun while the target is out."""


class Target(Protocol):
    """What a standing sees and sets of its target."""

    available: bool
    weight: int


class Standing:
    """The standing of one target in one worker, for all routes. Watched only while it is out."""

    __slots__ = (
        "_breaker", "_cause", "_closed", "_counting", "_deadlines", "_down", "_ejection",
        "_ejections", "_failures", "_heir", "_on_return", "_state", "_term",
        "_trial", "_unreached", "_waiting", "_ward", "_window", "deadline", "label",
        "max_share", "target",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - each is a thing of its own
        self,
        target: Target,
        ward: Ward,
        label: str,
        breaker: Breaker | None,
        ejection: Ejection | None,
        min_calls: int,
        deadlines: Deadlines,
        on_return: Callable[[], None] | None = None,
    ) -> None:
        """Start in. `min_calls`: this worker's part of the breaker's.

        `on_return` is called whenever the target takes its full share again.
        """
        self.target = target
        self.label = label
        self.deadline = inf
        self._ward = ward
        self.max_share = 0 if ejection is None else ejection.max_share
        self._breaker = breaker
        self._ejection = ejection
        self._deadlines = deadlines
        self._on_return = on_return
        self._window: Window | None = None
        if breaker is not None:
            self._window = Window(breaker.window, min_calls, breaker.failures)
        self._trial = Trial(breaker, 0.0 if ejection is None else float(ejection.time))
        self._ejections = Ejections(ejection, deadlines.now)
        self._state = IN
        self._down = False
        self._term = 1
        self._counting = 1  # the term whose outcomes are counted; 0 unless in and not down
        self._cause: Cause = "ejected"
        self._failures = 0  # in a row
        self._unreached = 0  # of these, the last ones that did not even connect
        self._heir: Standing | None = None
        self._waiting = False
        self._closed = False
        ward.standings.append(self)
        self._show()

    @property
    def state(self) -> State:
        """Where the target stands."""
        if self._heir is not None and self._closed:
            return self._heir.state
        if self._down:
            return "down"
        return "in" if self._state == IN else "out" if self._state == OUT else "trial"

    def left(self) -> float:
        """Return the seconds until it may be tried; 0 unless it is out for a time."""
        if self._heir is not None and self._closed:
            return self._heir.left()
        until = self.deadline if self._state == OUT and self.deadline < inf else 0.0
        return max(0.0, until - self._deadlines.now)

    # --- once per attempt ----------

    def begin(self) -> int:
        """Return the term of an attempt that begins; on trial it takes one of the permits."""
        return self._counting or self._begin()

    def ended(self, term: int, bad: bool, *, unreachable: bool = False) -> None:  # noqa: FBT001 - what happened, not an option
        """Take the outcome of an attempt begun in `term`; `unreachable`: it did not connect.

        May be told a second time of the same attempt, for what went wrong after a good head.
        """
        if term != self._counting:
            self._ended_otherwise(term, bad, unreachable)
        elif bad:
            self._failed(unreachable)
        else:
            if self._failures:
                self._failures = self._unreached = 0
            window = self._window
            if window is not None and window.record(bad=False):
                self._open(unreachable=False)

    def released(self, term: int) -> None:
        """Take note that an attempt begun in `term` ended and says nothing of the target."""
        if self._closed:
            if self._heir is not None:
                self._heir.released(term)
        elif self._on_trial(term):
            self._trial.permits += 1
            self._sleep()
            self.target.available = True

    def _begin(self) -> int:
        if self._closed:
            return NO_TERM if self._heir is None else self._heir.begin()
        trial = self._trial
        if self._state != TRIAL or self._down or not trial.permits:
            return NO_TERM
        trial.permits -= 1
        if not trial.permits:
            self.target.available = False
            self._wake_in(self._trial.patience_s + TICK_S)
        return self._term

    def _ended_otherwise(self, term: int, bad: bool, unreachable: bool) -> None:  # noqa: FBT001 - as above
        if self._closed:
            if self._heir is not None:
                self._heir.ended(term, bad, unreachable=unreachable)
        elif self._on_trial(term):
            if bad:
                self._fail_trial(unreachable=unreachable)
            elif self._trial.passed():
                self._return()

    def _on_trial(self, term: int) -> bool:
        return term == self._term and self._state == TRIAL and not self._down

    def _failed(self, unreachable: bool) -> None:  # noqa: FBT001 - as above
        """Count a failure, of a target that is in."""
        self._failures += 1
        self._unreached = self._unreached + 1 if unreachable else 0
        ejection = self._ejection
        limit = 1 if ejection is None else ejection.consecutive
        gone = self._unreached >= limit
        due = ejection is not None and self._failures >= limit
        window = self._window
        if window is not None and window.record(bad=True):
            self._open(unreachable=gone)
        elif due and (gone or self._ward.may_eject(self)):
            self._eject(unreachable=gone)

    # --- out, on trial, and back ----------

    def _open(self, *, unreachable: bool) -> None:
        seconds = 0.0 if self._breaker is None else float(self._breaker.open)
        self._decide("open", seconds, unreachable=unreachable)

    def _eject(self, *, unreachable: bool) -> None:
        seconds = self._ejections.add(self._deadlines.now)
        self._decide("ejected", seconds, unreachable=unreachable)

    def _decide(self, cause: Own, seconds: float, *, unreachable: bool) -> None:
        """Take the target out by a decision of our own, which the others hear of."""
        seconds = self._ward.with_jitter(seconds)
        self._go_out(cause, seconds, unreachable=unreachable)
        self._ward.tell(
            News(self._ward.service, self.label, "out", cause, seconds, unreachable=unreachable)
        )

    def _go_out(self, cause: Cause, seconds: float, *, unreachable: bool = False) -> None:
        self._ejections.leave(self._deadlines.now)
        self._turn(OUT)
        self._cause = cause
        self._wake_in(seconds)
        self._show()
        self._ward.went_out(self.label, cause, seconds, unreachable=unreachable)

    def _try(self) -> None:
        self._turn(TRIAL)
        self._trial.begin()
        self._sleep()
        self._show()
        self._ward.went_on_trial(self.label)

    def _fail_trial(self, *, unreachable: bool) -> None:
        if self._cause == "open":
            self._open(unreachable=unreachable)
        elif unreachable or self._ward.may_eject(self):
            self._eject(unreachable=unreachable)
        else:
            self._return()  # it can be reached, and may not be out for what it answers

    def _return(self) -> None:
        self._turn(IN)
        self._ejections.back(self._deadlines.now)
        self._sleep()
        self._show()
        self._ward.returned(self.label)
        if self._on_return is not None:
            self._on_return()

    def _turn(self, state: int) -> None:
        """Begin a new term in `state`: what is in flight from before is not counted any more."""
        self._state = state
        self._term += 1
        self._counting = self._term if state == IN and not self._down else 0
        self._failures = self._unreached = 0
        if self._window is not None:
            self._window.reset()

    def _show(self) -> None:
        """Tell balance and metrics."""
        out = self._down or self._state == OUT
        self.target.available = not out and (self._state == IN or self._trial.permits > 0)
        self._ward.show(self.label, self._state, out=out)

    # --- time ----------

    def expired(self, now: float) -> None:  # noqa: ARG002 - the deadlines' signature
        """Try a target whose time is over; end a trial that nothing has been heard of."""
        if self._down or self._state == IN:
            self._sleep()
        elif self._state == OUT:
            self._try()
        else:
            self._fail_trial(unreachable=False)

    def _wake_in(self, seconds: float) -> None:
        self.deadline = self._deadlines.now + seconds
        self._deadlines.watch(self)

    def _sleep(self) -> None:
        self.deadline = inf
        self._deadlines.forget(self)

    # --- what others know ----------

    def told(self, news: News) -> None:
        """Follow what another process of the replica has found out."""
        if self._closed:
            return
        if news.event == "out":
            self._told_out(news)
        elif news.event == "down":
            if not self._down:
                self._go_down()
        elif news.event == "up" and self._down:
            self._down = False
            (self._return if self._state == IN else self._try)()
        elif self._state == OUT and not self._down:  # `back`, or `up`: a check that went well
            self._try()

    def set_aside(self, seconds: float) -> None:
        """Leave the target alone for a time that it asked for (503 with `Retry-After`).

        Within `ejection.max_time` and `max_share`, and never the only target.
        """
        ejection = self._ejection
        if self._closed:
            if self._heir is not None:
                self._heir.set_aside(seconds)
        elif ejection is not None and seconds > 0 and self._ward.may_eject(self):
            seconds = self._ward.with_jitter(min(seconds, float(ejection.max_time)))
            if self._state != OUT:
                self._go_out("asked", seconds)
            self.deadline = max(self.deadline, self._deadlines.now + seconds)

    def _told_out(self, news: News) -> None:
        if (self._breaker if news.cause == "open" else self._ejection) is None:
            return  # the sender has another configuration
        if self._state == OUT:
            self.deadline = max(self.deadline, self._deadlines.now + news.seconds)
        elif news.cause == "open" or news.unreachable or self._ward.may_eject(self):
            if news.cause != "open":
                self._ejections.add(self._deadlines.now)
            self._go_out(news.cause or "ejected", news.seconds, unreachable=news.unreachable)

    def _go_down(self) -> None:
        self._ejections.leave(self._deadlines.now)
        self._down = True
        self._turn(self._state)
        if self._state == TRIAL:
            self._sleep()
        self._show()
        self._ward.went_out(self.label, "down")

    # --- reload ----------

    def resume(self, previous: Standing) -> None:
        """Take the place of `previous` once that is closed: in the turn in which it is replaced.

        Until then this one waits and changes nothing. A configuration that is refused in the end
        leaves `previous` as it was. Attempts that `previous` began report here from then on.
        """
        self._waiting = not previous._closed
        if self._waiting:
            previous._show()  # the metrics are the ones of both
        else:
            self.adopt(previous)
        previous._heir = self

    def close(self) -> None:
        """End, or hand over to the one that resumes."""
        if self._closed:
            return
        self._closed = True
        self._counting = 0
        heir = self._heir
        if heir is None or not heir.adopt(self):
            self._heir = None
            if not self._waiting:  # of a target that is gone nothing bad is shown
                self._ward.show(self.label, IN, out=False)
        self._deadlines.forget(self)

    def adopt(self, previous: Standing) -> bool:
        """Stand where `previous` stood, as far as this configuration has such a place.

        False when this one is closed itself.
        """
        if self._closed:
            return False
        self._waiting = False
        self._down = previous._down and self._ward.check is not None
        self._term = previous._term
        self._state, self._cause = previous._state, previous._cause
        self._failures, self._unreached = previous._failures, previous._unreached
        self._ejections.resume(previous._ejections)
        self._trial.resume(previous._trial)
        if self._window is not None and previous._window is not None:
            self._window.resume(previous._window)
        self._counting = self._term if self._state == IN and not self._down else 0
        self._show()
        if self._state == OUT:
            self.deadline = previous.deadline
            self._deadlines.watch(self)
        if not self._down and (previous._down or self._state != IN):
            self._settle(previous.deadline)
        return True

    def _settle(self, until: float) -> None:
        """Go on, until `until`, from a state of which this configuration may know no more."""
        if self._state == IN or self._off or (self._state == TRIAL and self._trial.enough):
            self._return()
        elif self._state == OUT and self.deadline == inf:  # its time ended while it was down
            self._try()
        elif self._state == TRIAL and not self._trial.permits:
            self._wake_in(self._trial.patience_s + TICK_S)
            self.deadline = min(self.deadline, until)

    @property
    def _off(self) -> bool:
        """Whether what took the target out is turned off here."""
        return (self._breaker if self._cause == "open" else self._ejection) is None
