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
from contextlib import contextmanager
from dataclasses import dataclass

from outages.ledger_site import LedgerSite, nothing_lost, settled, workers_of
from outages.report import Report
from outages.world import World
from support.ports import eventually

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


FEW = Calls(20, 30, 4, (2, 2), 1)
MANY = Calls(200, 400, 10, (2, 2, 2), 5)


def processes(world: World, calls: Calls) -> Report:
    """Kill a replica, a worker and a management process, and drain a replica, in turn."""
    report = Report("ledger: processes killed")
    site = LedgerSite(world)
    site.add(*calls.replicas)
    with world.valkey.client() as client:
        worker_killed(report, site, client, calls)
        management_killed(report, site, client, calls)
        replica_drained(report, site, client, calls)
        site.replicas[-1].start(**site.secrets.environ)
        site.replicas[-1].wait()
        replica_killed(report, site, client, calls)
    site.replicas[0].stop()
    return report


def worker_killed(report: Report, site: LedgerSite, client, calls: Calls) -> None:  # noqa: ANN001
    """End workers by SIGKILL."""
    load = site.load("a")
    with load.beside(site.replicas, calls.clients):
        for turn in range(calls.times):
            load.answered(calls.before)
            victim = site.replicas[turn % len(site.replicas)]
            os.kill(workers_of(victim)[0], signal.SIGKILL)
            load.answered(calls.after)
    site.at_rest(client)
    report.note("a: workers killed", calls.times)
    found = nothing_lost(report, site, "a", load)
    report.must(found.swept, "no reservation was left by a killed worker: the test shows nothing")


def management_killed(report: Report, site: LedgerSite, client, calls: Calls) -> None:  # noqa: ANN001
    """End those who move lines, by SIGKILL, while they do."""
    load = site.load("b")
    killed = 0
    with load.beside(site.replicas, calls.clients):
        for _ in range(calls.times * 2):
            load.answered(calls.before)
            for replica in site.replicas:
                pid = replica.management_pid()
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
            load.answered(calls.after)
    for replica in site.replicas:
        eventually(replica.administered, "its API is there again", within_s=30)
    site.at_rest(client)
    report.note("b: management processes killed", killed)
    found = nothing_lost(report, site, "b", load)
    report.must(not found.swept, f"settled calls were swept: {sorted(found.swept)[:5]}")
    report.must(load.statuses.keys() == {200}, f"calls failed: {load.statuses}")


def replica_drained(report: Report, site: LedgerSite, client, calls: Calls) -> None:  # noqa: ANN001
    """End a replica as an operator does: its calls end, and their lines are written."""
    load = site.load("c")
    *others, victim = site.replicas
    with load.beside(site.replicas, calls.clients):
        load.answered(calls.before)
        victim.stop()
        load.answered(calls.after)
    # Nothing may be left for the sweeper: it would take as long as a reservation lasts.
    site.at_rest(client)
    report.note("c: replicas drained", 1)
    found = nothing_lost(report, site, "c", load)
    report.must(not found.swept, f"drained calls were swept: {sorted(found.swept)[:5]}")
    report.must(others[0].running, "another replica has ended")


def replica_killed(report: Report, site: LedgerSite, client, calls: Calls) -> None:  # noqa: ANN001
    """End all processes of a replica at once, by SIGKILL."""
    load, free = site.load("d"), site.load("free")
    victim = site.replicas[-1]
    with load.beside(site.replicas, calls.clients), free.beside(site.replicas, 2):
        load.answered(calls.before)
        free.answered(calls.before // 2)
        began = time.monotonic()
        victim.kill()
        killed = time.monotonic()
        load.answered(calls.after)
    site.at_rest(client)
    report.note("d: replicas killed", 1)
    found = nothing_lost(report, site, "d", load)
    report.must(found.swept, "no reservation was left by a killed replica: the test shows nothing")
    unbudgeted = settled(report, site, "free", free)
    bound = free.since(began - UNTOLD_S, killed)
    report.note("free: difference, of calls that have no budget", len(unbudgeted.lost))
    report.note("free: calls of the last second, the most that may be lost", len(bound))
    strange = sorted(unbudgeted.lost - bound)
    report.must(not strange, f"lost, and not of the last moments: {strange[:5]}")


def store_killed(world: World, calls: Calls) -> Report:
    """End PostgreSQL by SIGKILL: shortly, then until more calls have come than lines may wait."""
    report = Report("ledger: PostgreSQL killed")
    waiting = 4 * calls.after
    site = LedgerSite(world, waiting=waiting)
    replicas = site.add(*calls.replicas[:2])
    with world.valkey.client() as client:
        load = site.load("a")
        with load.beside(replicas, calls.clients), _without(world, load, calls.before):
            load.answered(calls.after)
        site.at_rest(client)
        report.must(load.statuses.keys() == {200}, f"calls failed: {load.statuses}")
        found = nothing_lost(report, site, "a", load)
        report.must(all(row.requests == 1 for row in found.written), "calls were added up")
        report.must(not found.swept, "settled calls were swept")
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


@contextmanager
def _without(world: World, load, before: int):  # noqa: ANN001, ANN202
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
    told = max(
        replica.gateway.metrics().get("sluicegate_ledger_overflowed_total", 0.0)
        for replica in site.replicas
    )
    report.note("b: calls that the upstream got", len(found.upstream))
    report.note("b: calls in the ledger, totals included", found.count)
    report.note("b: of them only added up by the minute", over)
    report.note("b: what sluicegate_ledger_overflowed_total says", round(told))
    report.must(over > 0, "nothing was added up: the test shows nothing")
    report.must(round(told) == over, f"the metric says {told}, the ledger {over}")
    report.must(found.count == len(found.upstream) >= len(answered), "totals differ")
    report.must(found.spent == found.count * 10_000_000, "sums of cost differ")
    equal_now = [each for each in site.reconcile() if each["verdict"] != "equal"]
    report.must(not equal_now, f"counts differ from the ledger: {equal_now}")
