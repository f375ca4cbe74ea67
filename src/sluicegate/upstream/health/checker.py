"""Active health checks: made once per replica, told to whoever has to know.

Every target of a service with a `check` is asked at its interval, the first time soon after it has
become known. A target of any service that a worker leaves out is asked too, until it is back or its
time is over (see `findings`). Only what changes is told.

Each target has a timer and, while a check of it runs, a task; so one that hangs holds up no other.
Intervals are drawn at random by ± 10 %, and first checks over a stretch of time that grows with
their number, so that neither the targets nor this process see them all at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import structlog

from sluicegate.errors import UpstreamError
from sluicegate.upstream.health.check import TargetCheck
from sluicegate.upstream.health.findings import Findings
from sluicegate.upstream.health.news import News

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer
    from sluicegate.metrics import Family, Metrics
    from sluicegate.model.service import Service, Target
    from sluicegate.upstream.contexts import ClientContexts
    from sluicegate.upstream.health.findings import Verdict
    from sluicegate.upstream.resolve import Resolver
    from sluicegate.wire.deadlines import Deadlines

JITTER = 0.1
"""Share of an interval by which it is longer or shorter. HAProxy's `spread-checks`: 5 to 10 %."""
SOON_S = 1.0
"""Within which targets that are new are checked first, when they are not too many."""
FIRST_PER_S = 1000
"""First checks a second; more take longer than `SOON_S`, but no longer than their interval."""


class _Shared(NamedTuple):
    """What all targets are checked with."""

    clock: Clock
    resolver: Resolver
    deadlines: Deadlines
    contexts: ClientContexts
    tell: Callable[[News], None]
    random: random.Random
    checks: Family
    duration: Family


class _Watched(NamedTuple):
    """A service, and its targets by label."""

    config: Service
    targets: dict[str, _Target]


class Checker:
    """The checks of a replica."""

    def __init__(
        self,
        clock: Clock,
        resolver: Resolver,
        deadlines: Deadlines,
        contexts: ClientContexts,
        metrics: Metrics,
        tell: Callable[[News], None],
    ) -> None:
        """Check nothing yet. `tell` takes verdicts, for all workers; called on the loop."""
        checks = metrics.family(
            "sluicegate_health_checks_total",
            "counter",
            "Checks of targets, and probes for the return of targets that are left out, by result: "
            "`passed` or `failed`.",
            ("service", "target", "result"),
        )
        duration = metrics.family(
            "sluicegate_health_check_duration_seconds",
            "histogram",
            "Time that these checks took, connecting included.",
            ("service",),
        )
        self._shared = _Shared(
            clock,
            resolver,
            deadlines,
            contexts,
            tell,
            random.Random(),  # noqa: S311 - spreads load, no secret
            checks,
            duration,
        )
        self._services: dict[str, _Watched] = {}

    def watch(self, services: dict[str, Service]) -> None:
        """Take over the whole configuration. What is equal to what was goes on undisturbed."""
        for name in self._services.keys() - services.keys():
            self._end(self._services.pop(name).targets)
        fresh: list[_Target] = []
        for name, config in services.items():
            known = self._services.get(name)
            if known is None or (known.config is not config and known.config != config):
                fresh += self._replace(name, config, {} if known is None else known.targets)
        within_s = max(SOON_S, len(fresh) / FIRST_PER_S)
        for target in fresh:
            target.begin(within_s)

    def hear(self, news: News) -> None:
        """Take news of a worker (`out`), or of what another checker of this replica found."""
        service = self._services.get(news.service)
        target = None if service is None else service.targets.get(news.target)
        if news.event == "out":
            if target is not None:
                target.out(news.seconds, unreachable=news.unreachable)
        elif news.event == "down" and (target is None or not target.went_down()):
            # It is not checked any more, so nobody else would ever call it up.
            self._shared.tell(News(news.service, news.target, "up"))

    def close(self) -> None:
        """Make no further check, and end those under way."""
        for service in self._services.values():
            for target in service.targets.values():
                target.close()
        self._services.clear()

    def _replace(self, name: str, config: Service, known: dict[str, _Target]) -> list[_Target]:
        """Set up the targets of a service that is new or has changed; return them."""
        targets: dict[str, _Target] = {}
        for entry in config.entries:
            label = urlsplit(entry.url).netloc
            targets[label] = _Target(self._shared, name, label, entry, config)
        self._services[name] = _Watched(config, targets)
        for label in targets.keys() & known.keys():
            targets[label].resume(known[label])
        self._end({label: known[label] for label in known.keys() - targets.keys()})
        return list(targets.values())

    def _end(self, targets: dict[str, _Target]) -> None:
        """Let go of targets; none of them stays down for lack of somebody who looks."""
        for target in targets.values():
            target.close()
            target.clear()


class _Target:
    """One address of a service, as it is checked."""

    __slots__ = (
        "_check",
        "_closed",
        "_config",
        "_due",
        "_entry",
        "_findings",
        "_label",
        "_service",
        "_shared",
        "_task",
        "_timer",
    )

    def __init__(
        self, shared: _Shared, service: str, label: str, entry: Target, config: Service
    ) -> None:
        """Check nothing before `begin`. Most targets never need it: it is prepared at first use."""
        self._shared = shared
        self._service = service
        self._label = label
        self._entry = entry
        self._config = config
        self._findings = Findings(config.check)
        self._check: TargetCheck | None = None
        self._timer: Timer | None = None
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def begin(self, within_s: float) -> None:
        """Make the first check at a random time from now on."""
        pause_s = self._pause()
        if pause_s is not None:
            self._plan(min(pause_s, within_s) * self._shared.random.random())

    def resume(self, before: _Target) -> None:
        """Take the place of `before`, and say again what workers may have forgotten."""
        before.close()
        self._findings.resume(before._findings)
        if self._findings.down:
            self._tell("down")
        else:
            before.clear()

    def out(self, seconds: float, *, unreachable: bool) -> None:
        """Take notice that a worker leaves it out."""
        until = self._shared.clock.monotonic() + seconds
        self._findings.out(until, unreachable=unreachable)
        self._hurry()

    def went_down(self) -> bool:
        """Take over what a checker before this one has found; False where there is no check."""
        if self._config.check is None:
            return False
        self._findings.down = True
        self._hurry()
        return True

    def clear(self) -> None:
        """Call a target up that is not checked any more."""
        if self._findings.down:
            self._tell("up")

    def close(self) -> None:
        """Make no further check."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _pause(self) -> float | None:
        return self._findings.pause(self._shared.clock.monotonic())

    def _hurry(self) -> None:
        """Let the next check come as soon as it has to by now, and no later than it would have."""
        pause_s = self._pause()
        if self._task is None and pause_s is not None:
            delay_s = pause_s * self._jitter()
            if self._timer is None or self._shared.clock.monotonic() + delay_s < self._due:
                self._plan(delay_s)

    def _plan(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = self._shared.clock.monotonic() + delay_s
        self._timer = self._shared.clock.after(delay_s, self._start)

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        clock = self._shared.clock
        began = clock.monotonic()
        failure = await self._make()
        if self._closed:
            return
        now = clock.monotonic()
        result = "passed" if failure is None else "failed"
        self._shared.checks.cell(self._service, self._label, result).value += 1
        self._shared.duration.histogram(self._service).observe(now - began)
        verdict = self._findings.took(now, passed=failure is None)
        self._task = None
        if (pause_s := self._pause()) is not None:
            self._plan(max(0.0, began + pause_s * self._jitter() - now))
        if verdict is not None:
            self._say(verdict, failure)

    async def _make(self) -> str | None:
        """Make a check; return what was wrong, None when it passed."""
        shared = self._shared
        try:
            if self._check is None:
                self._check = TargetCheck(
                    self._entry,
                    self._config,
                    shared.clock,
                    shared.resolver,
                    shared.deadlines,
                    shared.contexts,
                )
            await self._check.make()
        except UpstreamError as error:
            return str(error) or error.reason
        except Exception as error:  # noqa: BLE001 - a target that cannot be checked is not well
            if not self._findings.failed:  # once, not at every check
                structlog.get_logger().exception(
                    "check_broken", service=self._service, target=self._label
                )
            return type(error).__name__
        return None

    def _say(self, verdict: Verdict, failure: str | None) -> None:
        if verdict != "back":
            log = structlog.get_logger()
            say, event = (log.info, "check_up") if verdict == "up" else (log.warning, "check_down")
            say(event, service=self._service, target=self._label, detail=failure)
        self._tell(verdict)

    def _tell(self, verdict: Verdict) -> None:
        self._shared.tell(News(self._service, self._label, verdict))

    def _jitter(self) -> float:
        return self._shared.random.uniform(1 - JITTER, 1 + JITTER)
