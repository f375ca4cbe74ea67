"""Processes end under load of calls with budgets: what the upstream got is in the ledger.

The stated loss is 0. Every call that the upstream got has one line: its settlement, or where the
process that served it is gone the line of its reservation, which the sweeper writes. A reservation
whose call never got to the upstream has a line, too; those are counted apart. Calls without any
budget reserve nothing: of those the last moments of a killed process are lost.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from outages.ledger_load import CallLoad
from outages.ledger_site import COST, LedgerSite, empty, nothing_lost, settled, workers_of
from outages.replica import Replica
from outages.report import Report
from outages.world import World
from support.ports import eventually

OVERFLOWED = "too many lines of the ledger wait: others are only added up by the minute"
UNTOLD_S = 1.0
"""Lines without a budget wait for others, 0.1 s, and are written then; the rest is for noise."""


@dataclass(frozen=True, slots=True)
class Calls:
    """How many answers before something is killed, and after it; clients of each replica."""

    before: int
    after: int
    clients: int
    replicas: tuple[int, ...]
    times: int


FEW = Calls(15, 25, 4, (2, 1), 1)
MANY = Calls(200, 400, 10, (2, 2, 2), 5)


def processes(world: World, calls: Calls) -> Report:
    """Kill workers, those who move lines, and a whole replica; then drain the others."""
    report = Report("ledger: processes killed")
    site = LedgerSite(world)
    *others, victim = site.add(*calls.replicas)
    load, free = site.load("a"), site.load("free")
    moments: list[tuple[float, float]] = []
    with load.beside(site.replicas, calls.clients), free.beside(site.replicas, 2):
        free.answered(calls.before // 2)
        for turn in range(calls.times):
            load.answered(calls.before)
            moments.append(_workers_killed(others[turn % len(others)]))
        load.answered(calls.before)
        began = time.monotonic()
        victim.kill()
        moments.append((began, time.monotonic()))
        load.answered(calls.after)
    for replica in others:
        eventually(replica.administered, "its API is there again", within_s=30)
    with world.valkey.client() as client:
        site.at_rest(client)
        report.note("killed: replicas, workers, management", f"1, {calls.times}, {calls.times}")
        found = nothing_lost(report, site, "a", load)
        report.must(found.swept, "no reservation was left by who was killed: nothing is shown")
        _unbudgeted(report, site, free, moments)
        for replica in others:
            replica_drained(report, site, client, calls, replica)
    return report


def _workers_killed(victim: Replica) -> tuple[float, float]:
    """End a worker, and who moves lines, by SIGKILL; return when."""
    began = time.monotonic()
    movers = [pid for pid in [victim.management_pid()] if pid is not None]
    for pid in (workers_of(victim)[0], *movers):
        os.kill(pid, signal.SIGKILL)
    return began, time.monotonic()


def _unbudgeted(
    report: Report, site: LedgerSite, load: CallLoad, moments: Sequence[tuple[float, float]]
) -> None:
    """Have what is lost of calls without a budget be of the moments of a kill."""
    found = settled(report, site, "free", load)
    known = [load.since(began - UNTOLD_S, ended) for began, ended in moments]
    bound = set().union(*known)
    report.note("free: difference, of calls that have no budget", len(found.lost))
    report.note("free: calls of the second before each kill, the most to be lost", len(bound))
    strange = sorted(found.lost - bound)
    report.must(not strange, f"lost, and not of the last moments: {strange[:5]}")


def replica_drained(
    report: Report, site: LedgerSite, client: redis.Redis, calls: Calls, victim: Replica
) -> None:
    """End a replica as an operator does: its calls end, and their lines are moved.

    Where it was the last one, nobody else could do it.
    """
    before = site.compare("c")
    load = site.load("c")
    running = [replica for replica in site.replicas if replica.running]
    with load.beside(running, calls.clients):
        load.answered(calls.before)
        victim.stop()
    if len(running) == 1:
        report.must(empty(client), "something is left when the last replica has ended")
    site.at_rest(client)
    found = settled(report, site, "c", load)
    report.note("c: replicas drained; difference", len(found.lost))
    report.must(not found.lost, f"c: lost {sorted(found.lost)[:5]}")
    report.must(not found.swept, f"drained calls were swept: {sorted(found.swept)[:5]}")
    report.must(found.count > before.count, "nothing was called")


def store_killed(world: World, calls: Calls, *, once: bool = False) -> Report:
    """End PostgreSQL by SIGKILL: shortly, then until more calls have come than lines may wait.

    `once`: only the latter.
    """
    report = Report("ledger: PostgreSQL killed")
    waiting = max(100, 4 * calls.before)
    site = LedgerSite(world, waiting=waiting)
    replicas = site.add(*calls.replicas[1:])
    with world.valkey.client() as client:
        if not once:
            _lines_wait(report, world, site, client, calls)
        load = site.load("b")
        with load.beside(replicas, calls.clients * 2), _without(world, load, calls.before):
            load.answered(waiting + calls.after, within_s=120)
        site.at_rest(client)
    report.must(load.statuses.keys() == {200}, f"calls failed: {load.statuses}")
    report.note("b: lines that may wait", waiting)
    _added_up(report, site, load.ids(200))
    for replica in replicas:
        replica.stop()
    return report


def _lines_wait(
    report: Report, world: World, site: LedgerSite, client: redis.Redis, calls: Calls
) -> None:
    load = site.load("a")
    with load.beside(site.replicas, calls.clients), _without(world, load, calls.before):
        load.answered(calls.after)
    site.at_rest(client)
    report.must(load.statuses.keys() == {200}, f"calls failed: {load.statuses}")
    found = nothing_lost(report, site, "a", load)
    report.must(all(row.requests == 1 for row in found.written), "calls were added up")
    report.must(not found.swept, "settled calls were swept")


@contextmanager
def _without(world: World, load: CallLoad, before: int) -> Iterator[None]:
    """Kill PostgreSQL after so many answers; start it again after the block."""
    load.answered(before)
    world.server.kill()
    try:
        yield
    finally:
        world.server.start()


def _added_up(report: Report, site: LedgerSite, answered: list[str]) -> None:
    """Have the sums be right where the lines were too many, and have it be told."""
    found = site.compare("b")
    totals = [row for row in found.written if row.requests > 1 or row.id.startswith("total-")]
    over = sum(row.requests for row in totals)

    def told() -> float:
        known = (replica.gateway.metrics() for replica in site.replicas)
        return max(each.get("sluicegate_ledger_overflowed_total", 0.0) for each in known)

    eventually(lambda: round(told()) == over, f"the metric says {over}")  # once a second
    report.note("b: calls that the upstream got", len(found.upstream))
    report.note("b: calls in the ledger, totals included", found.count)
    report.note("b: of them only added up by the minute", over)
    report.note("b: what sluicegate_ledger_overflowed_total says", round(told()))
    report.must(over > 0, "nothing was added up: the test shows nothing")
    said = [line["event"] for replica in site.replicas for line in replica.gateway.logs()]
    report.must(OVERFLOWED in said, "no log says that calls were only added up")
    report.must(found.count == len(found.upstream) >= len(answered), "totals differ")
    report.must(found.spent == found.count * COST, "sums of cost differ")
    equal_now = [each for each in site.reconcile() if each["verdict"] != "equal"]
    report.must(not equal_now, f"counts differ from the ledger: {equal_now}")
