"""Every kind of trouble, each with real processes, and what is counted while it lasts.

A scenario is a function of a running `World` and a `Pace`; it makes its trouble beside a steady
load and enters into its `Report` what only it can know: when, and what the trouble was. All else is
worked out at the end from what clients sent and what the oracle read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from redis import RedisError
from redis.crc import key_slot

from support.valkey_sentinel import PRIMARY
from truth.bounds import SECOND_US, Trouble
from truth.limits import OVERLOAD, Held, in_every_away, in_every_mode
from truth.report import RECOVERY_S, Report, row, weigh
from truth.world import DEGRADED, Shape, World, until, world

BROKEN_OPEN_US = 250_000
"""By then every worker has noticed that nobody answers."""
FLAP_S = 0.3
FAR = 4
"""Times as late as an answer may be, each way."""
THIN_BYTES_PER_S = 2048
SKEW_S = 30.0
HERD = 300


@dataclass(frozen=True, slots=True)
class Pace:
    """How long the parts of a scenario take, in seconds."""

    warm_s: float
    trouble_s: float
    after_s: float
    full_s: float
    """Of the overload that uses up a whole limit of 1000 a minute."""
    timed: bool
    """Whether bounds on time are among what must hold."""
    recovery_s: float
    timeout_ms: int
    """Of a call to the state; 25 unless told. A machine that runs other tests too needs more."""
    faultless_ms: int
    """The same where the state is there all the time, so that nobody has to wait for it."""
    modes: tuple[Held, ...]
    aways: tuple[Held, ...]


LONG = Pace(
    warm_s=4, trouble_s=10, after_s=6, full_s=45, timed=True, recovery_s=RECOVERY_S, timeout_ms=25,
    faultless_ms=25, modes=in_every_mode(300, 10, 20, 60), aways=in_every_away(300, 10, 20, 60),
)  # fmt: skip
SHORT = Pace(
    warm_s=1, trouble_s=1.5, after_s=3, full_s=12, timed=False, recovery_s=10, timeout_ms=250,
    faultless_ms=10_000, modes=in_every_mode(60, 10, 10, 40), aways=in_every_away(60, 10, 10, 30),
)  # fmt: skip

Scenario = Callable[[World, Pace, Report], Awaitable[None]]


# --- without trouble at the state ----------


async def calm(_: World, pace: Pace, report: Report) -> None:
    """Nothing happens."""
    report.faultless = True
    await asyncio.sleep(pace.warm_s + pace.trouble_s + pace.after_s)


async def overload(_: World, pace: Pace, report: Report) -> None:
    """Ten times 1000 a minute are asked for, of three replicas with two workers each."""
    report.faultless = True
    await asyncio.sleep(pace.full_s)


async def killed(at: World, pace: Pace, report: Report) -> None:
    """One replica is killed, and another one is added."""
    report.faultless = True
    report.floor = 90  # what the dead one had been lent is burned
    await asyncio.sleep(pace.warm_s)
    at.load.leave(0)
    at.replicas[0].kill()
    await asyncio.sleep(pace.trouble_s / 2)
    await at.add()
    await asyncio.sleep(pace.trouble_s / 2 + pace.after_s)


# --- the state cannot be asked ----------


async def black_hole(at: World, pace: Pace, report: Report) -> None:
    """Nothing comes back from the state, and no connection to it ends."""
    async with _away(at, pace, report):
        at.state.links.set("black_hole", True)
        await asyncio.sleep(pace.trouble_s)
        at.state.links.set("heal", None)


async def one_of_three(at: World, pace: Pace, report: Report) -> None:
    """One replica of three cannot ask the state."""
    async with _away(at, pace, report, cut_off=at.shape.workers):
        at.state.links.set("black_hole", True, 0)
        await asyncio.sleep(pace.trouble_s)
        at.state.links.set("heal", None, 0)


async def latency(at: World, pace: Pace, report: Report) -> None:
    """The state answers, but too late."""
    async with _away(at, pace, report):
        at.state.links.set("delay_s", FAR * pace.timeout_ms / 1000)
        await asyncio.sleep(pace.trouble_s)
        at.state.links.set("heal", None)


async def flapping(at: World, pace: Pace, report: Report) -> None:
    """The links to the state are there for 0.3 s and gone for 0.3 s, again and again."""
    rounds = max(1, int(pace.trouble_s / (2 * FLAP_S)))
    async with _away(at, pace, report, aways=rounds):
        for _ in range(rounds):
            at.state.links.set("go_down", None)
            await asyncio.sleep(FLAP_S)
            at.state.links.set("come_up", None)
            await asyncio.sleep(FLAP_S)


async def bandwidth(at: World, pace: Pace, report: Report) -> None:
    """The links to the state are thinner than what is asked over them."""
    probes = int(pace.trouble_s * SECOND_US / BROKEN_OPEN_US)
    async with _away(at, pace, report, aways=probes):
        at.state.links.set("bytes_per_s", THIN_BYTES_PER_S)
        await asyncio.sleep(pace.trouble_s)
        at.state.links.set("heal", None)


# --- the state forgets ----------


async def flush(at: World, pace: Pace, report: Report) -> None:
    """Somebody says FLUSHALL and SCRIPT FLUSH."""
    report.faultless = True
    report.trouble = replace(report.trouble, losses=1)
    await asyncio.sleep(pace.warm_s)
    await asyncio.to_thread(at.state.server.client().flushall)
    await asyncio.to_thread(at.state.server.client().script_flush)
    await asyncio.sleep(pace.trouble_s + pace.after_s)


async def restart(at: World, pace: Pace, report: Report) -> None:
    """The state is killed and comes back empty, while a herd of clients waits for that."""
    herd = [each for each in pace.aways if each.mode.away == "share"]
    async with _away(at, pace, report, losses=1):
        await asyncio.to_thread(at.state.server.kill)
        await asyncio.sleep(pace.trouble_s)
        await asyncio.to_thread(at.state.server.start)
        asking = [at.load.at_once(each.asker, HERD // len(herd)) for each in herd]
        came = [result for results in await asyncio.gather(*asking) for result in results]
    report.herd = {result.name for result in came}
    report.notes.append(
        f"a herd of {len(came)} at one instant: the last had its answer after "
        f"{max(result.took_ms for result in came):.0f} ms"
    )


async def sentinel(at: World, pace: Pace, report: Report) -> None:
    """The primary is killed, and the Sentinels make a replica the primary."""
    state = at.state.sentinel
    epoch = await asyncio.to_thread(_epoch, at)
    async with _away(at, pace, report, losses=1):
        before = await asyncio.to_thread(state.primary)
        await asyncio.to_thread(before.kill)
        await until(_settled(lambda: state.failed_over(before)), "a failover")
        report.notes.append(f"failover {(at.now_us - report.began_us) / SECOND_US:.1f} s")
    # A machine that is too busy makes Sentinels believe in further deaths.
    failovers = await asyncio.to_thread(_epoch, at) - epoch
    report.trouble = replace(report.trouble, losses=failovers)
    report.notes.append(f"failovers: {failovers}")


async def cluster(at: World, pace: Pace, report: Report) -> None:
    """The primaries of half the keys are killed, and the Cluster makes their replicas primaries."""
    state = at.state.cluster
    async with _away(at, pace, report, losses=1):
        key = await _some_key(at, "exact-bucket")
        before = await asyncio.to_thread(state.owner, key)
        await asyncio.to_thread(before.kill)
        moved = _settled(lambda: state.agrees() and state.owner(key) is not before)
        await until(moved, "a failover")
        report.notes.append(f"failover {(at.now_us - report.began_us) / SECOND_US:.1f} s")


async def slot_move(at: World, pace: Pace, report: Report) -> None:
    """All keys that are counted are moved to another node of the Cluster, one slot at a time."""
    state = at.state.cluster
    report.trouble = replace(report.trouble, aways=1, any_us=int(pace.recovery_s * SECOND_US))
    await asyncio.sleep(pace.warm_s)
    keys = [await _some_key(at, held.name) for held in pace.modes]
    for key in keys:
        before = await asyncio.to_thread(state.owner, key)
        primaries = [node for node in state.nodes[:3] if node is not before]
        await asyncio.to_thread(state.move, key_slot(key), primaries[0])
    await asyncio.sleep(pace.trouble_s + pace.after_s)


# --- what they share ----------


@asynccontextmanager
async def _away(
    at: World, pace: Pace, report: Report, *, aways: int = 1, losses: int = 0, cut_off: int = 0
) -> AsyncIterator[None]:
    """Have the trouble of the block between two quiet times, and enter what it was."""
    report.floor = 90
    await asyncio.sleep(pace.warm_s)
    report.began_us = at.now_us
    yield
    report.ended_us = at.now_us
    lasted_us = report.ended_us - report.began_us
    report.trouble = Trouble(
        losses=losses,
        aways=aways,
        any_us=lasted_us + int(pace.recovery_s * SECOND_US),
        all_us=0 if losses or cut_off or aways > 1 else max(0, lasted_us - BROKEN_OPEN_US),
        workers=at.shape.replicas * at.shape.workers,
        cut_off=cut_off,
    )
    await asyncio.sleep(pace.after_s)


def _epoch(at: World) -> int:
    """Return how often Sentinels have named another primary."""
    return int(at.state.sentinel.sentinels[0].client().sentinel_master(PRIMARY)["config-epoch"])


def _settled(condition: Callable[[], bool]) -> Callable[[], bool]:
    """Make what asks servers about their failover say no as long as one of them is dead."""

    def asked() -> bool:
        try:
            return condition()
        except RedisError:
            return False

    return asked


async def _some_key(at: World, name: str) -> bytes:
    """Return a key in the Cluster that counts the limit `name`."""
    for node in at.state.cluster.nodes:
        if node.running:
            keys = await asyncio.to_thread(node.client().keys, f"*{name}*")
            if keys:
                return bytes(keys[0])
    raise AssertionError(f"nothing in the Cluster counts {name}")


@dataclass(frozen=True, slots=True)
class Setup:
    """A scenario, how its world is built, and which limits are asked in it."""

    name: str
    play: Scenario
    shape: Shape = Shape()  # noqa: RUF009 - frozen
    limits: str = "aways"

    def held(self, pace: Pace) -> tuple[Held, ...]:
        """Return the limits."""
        return {"aways": pace.aways, "modes": pace.modes, "overload": OVERLOAD}[self.limits]


SINGLE, SENTINEL, CLUSTER = (Shape(state) for state in ("single", "sentinel", "cluster"))
SKEWED = Shape("single", skews_s=(0.0, SKEW_S, -SKEW_S))
FAULTLESS = (calm, overload, killed, flush)
SETUPS = (
    Setup("1000 a minute, asked for ten times", overload, SINGLE, "overload"),
    Setup("no trouble", calm, SINGLE, "modes"),
    Setup("no trouble, Cluster", calm, CLUSTER, "modes"),
    Setup("clocks of replicas 30 s ahead and behind", calm, SKEWED, "modes"),
    Setup("a replica killed, another added", killed, SINGLE, "modes"),
    Setup("black hole", black_hole),
    Setup("black hole of one replica of three", one_of_three),
    Setup("latency", latency),
    Setup("flapping", flapping),
    Setup("slow bandwidth", bandwidth),
    Setup("FLUSHALL", flush, SINGLE, "modes"),
    Setup("state restarts empty, thundering herd", restart, SINGLE),
    Setup("Sentinel failover", sentinel, SENTINEL),
    Setup("Cluster failover", cluster, CLUSTER),
    Setup("Cluster slot move", slot_move, CLUSTER, "modes"),
)


async def play(setup: Setup, pace: Pace, folder: Path) -> Report:
    """Run one scenario in a folder of its own, and measure each of its limits."""
    report, held = Report(setup.name), setup.held(pace)
    policies = {each.name: each.policies for each in held}
    lasts_s = pace.warm_s + pace.trouble_s + pace.after_s
    if setup.play is overload:
        lasts_s = pace.full_s
    timeout_ms = pace.faultless_ms if setup.play in FAULTLESS else pace.timeout_ms
    async with world(folder, replace(setup.shape, timeout_ms=timeout_ms), policies) as at:
        await at.room_in_window(lasts_s + RECOVERY_S)
        async with at.load.beside(*(each.asker for each in held)):
            await setup.play(at, pace, report)
    results = at.load.results
    report.degraded = int(at.counted(DEGRADED))
    report.rows = [row(each, at.passed(each.name), results, report) for each in held]
    alive = [each for each in results if each.status > 0 or each.replica not in at.load.gone]
    weigh(report, alive, frozenset(e.name for e in held if e.mode.away == "deny"))
    return report
