"""Five kinds of trouble, each with real processes, and what is counted while it lasts.

A scenario is a function of a running `World` and a `Pace`; it makes its trouble beside a steady
load and notes in its `Report` what only it can know: when things happened. All else is worked out
at the end, from what clients saw, what targets read, and what the gateway counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.load import Result
from chaos.verdicts import FAULTS, RECOVERY_S, SAVABLE, losses, percentile
from chaos.world import Target, World, world

SLOW_BYTES_PER_S = 64 * 1024
LATENCY_S = 2.0
FLAP_S = 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the parts of a scenario take, and how much is asked for in them."""

    rate: float
    warm_s: float
    trouble_s: float
    after_s: float
    clients: int
    """Of a herd, beside the steady load."""
    timed: bool
    """Whether bounds on time are among what must hold."""


LONG = Pace(rate=120, warm_s=3, trouble_s=10, after_s=5, clients=100, timed=True)
SHORT = Pace(rate=50, warm_s=0.2, trouble_s=0.8, after_s=0.4, clients=20, timed=False)
PATIENCE_S = 10.0
"""For what has to happen on a busy machine, where time is no matter."""
BUDGET = "the retry budget was used up"


@dataclass
class Report:
    """One row of the table. Times are seconds; None is what has not happened, or does not apply."""

    name: str
    sent: int = 0
    ok: int = 0
    saved: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    posts_twice: int = 0
    retries_percent: float = 0.0
    ejected_s: float | None = None
    after_ejection: Counter[str] = field(default_factory=Counter)
    all_dead: Counter[int] = field(default_factory=Counter)
    all_dead_p99_ms: float | None = None
    recovered_s: float | None = None
    notes: list[str] = field(default_factory=list)
    expects_ejection: bool = False
    expects_recovery: bool = False

    def broken(self, *, timed: bool) -> list[str]:
        """Return what must hold and does not; what depends on time only if `timed`."""
        wrong = [f"{count} requests: {why}" for why, count in self.lost.items() if why in FAULTS]
        if timed and self.lost[BUDGET]:
            wrong.append(f"{self.lost[BUDGET]} requests: {BUDGET}")
        if self.posts_twice:
            wrong.append(f"{self.posts_twice} POSTs were read twice")
        if self.after_ejection:
            wrong.append(f"errors after the first ejection: {dict(self.after_ejection)}")
        if self.expects_ejection and self.ejected_s is None:
            wrong.append("the dead target was never taken out")
        if self.expects_recovery and self.recovered_s is None:
            wrong.append("nothing was answered after the return")
        if timed and self.recovered_s is not None and self.recovered_s > RECOVERY_S:
            wrong.append(f"recovery took {self.recovered_s:.2f} s, not {RECOVERY_S:g} s")
        return wrong


Scenario = Callable[[World, Pace, Report], Awaitable[None]]


# --- the five ----------


async def down(at: World, pace: Pace, report: Report) -> None:
    """One of three targets is killed and returns; then all of them."""
    report.expects_ejection = report.expects_recovery = True
    first, *_ = at.targets
    async with at.load.beside(pace.rate):
        await asyncio.sleep(pace.warm_s)
        died = at.kill_targets(first)
        ejected = await at.taken_out(first, died + pace.trouble_s + PATIENCE_S)
        await asyncio.sleep(max(0.0, died + pace.trouble_s - at.now))
        back = await at.start_targets(first)
        asked = await at.asked(first, back + pace.after_s)
        one_back = at.now
        await asyncio.sleep(max(0.0, back + pace.after_s - at.now))
        all_died, returned = await _all_gone(at, pace)
        await at.answered(returned, returned + PATIENCE_S)
        await asyncio.sleep(max(0.0, returned + pace.after_s - at.now))
    if ejected is not None:
        report.ejected_s = ejected - died
        report.after_ejection = Counter(
            f"{each.method} {each.status} {each.problem}"
            for each in at.load.results
            # What is still under way when all of them are killed is part of that.
            if ejected < each.started and each.ended <= one_back and not each.ok
        )
    wait = "not" if asked is None else f"{asked - back:.2f} s"
    report.notes.append(f"one of three is asked again {wait} after its return")
    _note_all_dead(report, at.load.results, all_died, returned)
    report.recovered_s = _recovery(at.load.results, returned)


async def latency(at: World, pace: Pace, report: Report) -> None:
    """Answers over one of three links come two seconds later than over the others."""
    link = at.targets[0].link

    def begin() -> None:
        link.delay_s = LATENCY_S / 2

    await _one_link(at, pace, report, begin, link.heal)


async def flapping(at: World, pace: Pace, report: Report) -> None:
    """One of three targets is there for 0.1 s and gone for 0.1 s, again and again."""
    first = at.targets[0]

    async def flap() -> None:
        while True:
            first.link.go_down()
            await asyncio.sleep(FLAP_S)
            await first.link.come_up()
            await asyncio.sleep(FLAP_S)

    tasks: list[asyncio.Future[None]] = []

    def begin() -> None:
        at.absent(first.name)
        tasks.append(asyncio.ensure_future(flap()))

    async def end() -> None:
        tasks[0].cancel()
        with suppress(asyncio.CancelledError):
            await tasks[0]
        await first.link.come_up()
        at.present(first.name)

    await _one_link(at, pace, report, begin, end)


async def herd(at: World, pace: Pace, report: Report) -> None:
    """All targets restart while many clients wait, and then the gateway does."""
    report.expects_recovery = True
    async with at.load.beside(pace.rate):
        await asyncio.sleep(pace.warm_s)
        waiting: list[asyncio.Future[None]] = []
        died, returned = await _all_gone(at, pace, waiting)
        await asyncio.gather(*waiting)
        served = at.now - returned
        await asyncio.sleep(max(0.0, returned + pace.after_s - at.now))
    _note_all_dead(report, at.load.results, died, returned)
    report.recovered_s = _recovery(at.load.results, returned)
    report.notes.append(f"{pace.clients} clients that waited for targets: served in {served:.2f} s")
    async with at.load.beside(pace.rate):
        await at.stop_gateway()
        waiting = _clients(at, pace)
        await asyncio.sleep(pace.trouble_s)
        ready = await at.start_gateway()
        await asyncio.gather(*waiting)
        report.notes.append(
            f"{pace.clients} clients that waited for the gateway: served in {at.now - ready:.2f} s"
        )
        await asyncio.sleep(pace.after_s)
    most = max(int(line[3]) for target in at.targets for line in target.lines())
    report.notes.append(f"most at one target at the same time: {most}")


async def bandwidth(at: World, pace: Pace, report: Report) -> None:
    """One of three links sends 64 KiB a second, each way."""
    link = at.targets[0].link

    def begin() -> None:
        link.bytes_per_s = SLOW_BYTES_PER_S

    await _one_link(at, pace, report, begin, link.heal)


# --- what they share ----------


async def _one_link(
    at: World,
    pace: Pace,
    report: Report,
    begin: Callable[[], object],
    end: Callable[[], Awaitable[None] | None],
) -> None:
    """Have trouble on the link to the first of three targets, between two quiet times."""
    async with at.load.beside(pace.rate):
        await asyncio.sleep(pace.warm_s)
        began = at.now
        begin()
        await asyncio.sleep(pace.trouble_s)
        ending = end()
        if ending is not None:
            await ending
        ended = at.now
        await asyncio.sleep(pace.after_s)
    during = [each for each in at.load.results if began <= each.started <= ended]
    before = [each for each in at.load.results if each.started < began]
    share = _share(at.targets[0], at, {each.name for each in during})
    report.notes.append(
        f"p50, p99 before {_times(before)}, in trouble {_times(during)} ms; "
        f"the target in trouble got {share:.0%} of its requests"
    )


async def _all_gone(
    at: World, pace: Pace, waiting: list[asyncio.Future[None]] | None = None
) -> tuple[float, float]:
    """Kill all targets and start them again; returns when. Clients of a herd join `waiting`."""
    died = at.kill_targets(*at.targets)
    if waiting is not None:
        waiting += _clients(at, pace)
    await asyncio.sleep(pace.trouble_s)
    return died, await at.start_targets(*at.targets)


def _clients(at: World, pace: Pace) -> list[asyncio.Future[None]]:
    until = at.now + 3 * (pace.trouble_s + pace.after_s) + 10
    return [asyncio.ensure_future(at.load.insist(until)) for _ in range(pace.clients)]


def _times(results: list[Result]) -> str:
    taken = [each.seconds * 1000 for each in results if each.ok]
    return f"{percentile(taken, 50):.0f}, {percentile(taken, 99):.0f}"


def _share(target: Target, at: World, names: set[str]) -> float:
    """Return which part of the heads with these ids a target has read."""
    read = [read for each in at.targets for read in each.reads() if read.name in names]
    own = sum(1 for each in read if each.target == target.name)
    return own / max(1, len(read))


def _note_all_dead(report: Report, results: list[Result], died: float, returned: float) -> None:
    """Count the answers to requests that were sent while nobody was there."""
    dead = [e for e in results if died < e.started and e.ended < returned and not e.ok]
    report.all_dead += Counter(each.status for each in dead)
    quick = [each.seconds * 1000 for each in dead if each.status == 503]
    report.all_dead_p99_ms = percentile(quick, 99) if quick else None


def _recovery(results: list[Result], returned: float) -> float | None:
    """Return how long after a return requests were still sent that failed; None: all of them."""
    after = [each for each in results if each.started >= returned]
    if not any(each.ok for each in after):
        return None
    failed = [each.started - returned for each in after if not each.ok]
    return max(failed, default=0.0)


@dataclass(frozen=True, slots=True)
class Setup:
    """A scenario and how its world is built."""

    name: str
    play: Scenario
    via_links: bool = False
    check: bool = False


SETUPS = (
    Setup("down", down),
    Setup("down, with checks", down, check=True),
    Setup("+2 s latency", latency, via_links=True),
    Setup("flapping", flapping, via_links=True),
    Setup("thundering herd", herd),
    Setup("slow bandwidth", bandwidth, via_links=True),
)


async def play(setup: Setup, pace: Pace, folder: Path) -> Report:
    """Run one scenario in a folder of its own and work out its row."""
    report = Report(setup.name)
    async with world(folder, via_links=setup.via_links, check=setup.check) as at:
        await setup.play(at, pace, report)
    evidence = at.evidence(RECOVERY_S if pace.timed else PATIENCE_S)
    results = at.load.results
    report.sent = len(results)
    report.ok = sum(each.ok for each in results)
    report.lost = losses(results, evidence)
    report.posts_twice = evidence.twice("POST")
    denied = at.total("sluicegate_retries_denied_total", 'why="budget"')
    if unsaved := min(int(denied), report.lost[SAVABLE]):
        report.lost[SAVABLE] -= unsaved
        report.lost[BUDGET] += unsaved
    retries = at.total("sluicegate_retries_total")
    attempts = at.total("sluicegate_upstream_attempts_total")
    report.retries_percent = 100 * retries / max(1, attempts)
    report.saved = sum(evidence.saved(each) for each in results)
    return report
