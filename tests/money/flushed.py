"""All that the state knows is lost: a budget begins again with what the ledger has."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from money.budgets import WITHIN_S
from money.storm import Storm
from money.world import CALLS, CENT, Run, World, dollars
from outages.report import Report
from support.ports import eventually

BEFORE = 20
UNDER_WAY = 10
AFTER = 100
CLIENTS = 12
EACH = 20


def quiet(world: World) -> Report:
    """Empty the state once everything is in the store: nothing is lost."""
    report = Report("FLUSHALL, nothing under way")
    run = world.run("call")
    world.play(run)
    before = _called(world, run, BEFORE)
    world.settled()
    report.note("reservations and lines that were lost", world.unsettled(flush=True))
    after = _called(world, run, AFTER)
    report.note("passed before and after", (before, after))
    report.must((before, after) == (BEFORE, CALLS - BEFORE), f"{before} and {after} have passed")
    _books(report, world, run, lost=0)
    return report


def under_way(world: World) -> Report:
    """Empty it while calls are at the provider: what was reserved for them is not known any more.

    They are charged when they end, so the budget is passed by what they cost, and no more.
    """
    report = Report(f"FLUSHALL, {UNDER_WAY} calls under way")
    run = world.run("call")
    world.play(run)
    before = _called(world, run, BEFORE)
    world.settled()
    flow = world.play(run, held=True)
    storm = Storm(world.ports, [run.call()] * UNDER_WAY)
    with storm.under_way():
        wanted = BEFORE + UNDER_WAY
        try:
            eventually(lambda: world.asked(run) == wanted, "all are at the provider")
            held, lines = world.unsettled(flush=True)
            world.play(run)
            after = _called(world, run, AFTER)
        finally:
            flow.let_go()
    during = storm.statuses[200]
    passed = before + during + after
    bound = CALLS + held + lines
    report.note("passed before, during, after", (before, during, after))
    report.note("spent, $", dollars(passed * CENT))
    report.note("bound, $", dollars(bound * CENT))
    report.must(held == UNDER_WAY, f"{held} were reserved, {lines} lines waited")
    report.must(CALLS <= passed <= bound, f"{passed} have passed, not {CALLS} to {bound}")
    world.settled()
    late = _called(world, run, BEFORE)
    report.must(not late, f"{late} have passed behind the end of the budget")
    _books(report, world, run, lost=0)
    return report


def under_load(world: World) -> Report:
    """Empty it while calls come and go: reservations and lines that wait in it are lost."""
    report = Report(f"FLUSHALL under load of {CLIENTS} clients")
    run = world.run("call")
    world.play(run)
    with ThreadPoolExecutor(CLIENTS) as beside:
        called = [beside.submit(partial(_in_turn, world, run, each)) for each in range(CLIENTS)]
        eventually(lambda: world.asked(run) >= CALLS // 2, "half is spent", within_s=WITHIN_S)
        held, lines = world.unsettled(flush=True)
        passed = sum(each.result() for each in called)
    world.settled()
    passed += _called(world, run, AFTER)
    bound = CALLS + held + lines
    report.note("reservations and lines that were lost", (held, lines))
    report.note("passed", passed)
    report.note("bound", bound)
    report.must(passed <= bound, f"{passed} have passed, the bound is {bound}")
    report.must(passed >= CALLS, f"{passed} have passed, and nobody is let in any more")
    _books(report, world, run, lost=lines)
    return report


def _in_turn(world: World, run: Run, number: int) -> int:
    """Call one after the other; returns how many have passed."""
    ports = [world.ports[number % len(world.ports)]]
    return sum(Storm(ports, [run.call()]).run()[0].status == 200 for _ in range(EACH))


def _called(world: World, run: Run, times: int) -> int:
    """Call so often at once; returns how many have passed."""
    storm = Storm(world.ports, [run.call()] * times)
    storm.run()
    assert set(storm.statuses) <= {200, 429}, storm.statuses
    return storm.statuses[200]


def _books(report: Report, world: World, run: Run, lost: int) -> None:
    """Compare the provider's count, the ledger's and the budget's; `lost` lines may be missing."""
    world.settled()
    upstream, charged = world.asked(run), world.charged(run)
    counted = world.counted(run)
    report.note("calls upstream, lines of the ledger", (upstream, len(charged)))
    report.must(set(charged) == {CENT}, f"costs: {set(charged)}")
    missing = upstream - len(charged)
    report.must(0 <= missing <= lost, f"{missing} lines are missing, {lost} were lost")
    short = sum(charged) - counted[0]
    report.must(0 <= short <= lost * CENT, f"the ledger is {short} nano-USD above the counts")
    report.must(counted[1] == 0, f"{counted[1]} nano-USD are reserved by nobody")
    if not lost:
        done = world.reconcile()
        report.note("`sluicegate reconcile`", f"exit status {done.returncode}")
        report.must(done.returncode == 0, f"reconcile: {done.stdout}{done.stderr}")
