"""Budgets under calls that all come at once: what is let through, what it costs, what remains."""

from __future__ import annotations

from money.flow import Flow
from money.storm import Answered, Storm
from money.world import CALLS, CENT, TOKENS_COST, WORDS, Run, World, dollars
from outages.report import Report
from support.ports import eventually

AT_ONCE = 200
WITHIN_S = 80
DEARER = 3 * CENT
COSTS = {"call": CENT, "tokens": TOKENS_COST, "dearer": DEARER}


def known_cost(world: World, sort: str, *, held: bool) -> Report:
    """Call far more often at once than a budget is for; `held`: nothing is settled meanwhile."""
    report = Report(f"{AT_ONCE} calls at once, {sort}, {'slow' if held else 'quick'} answers")
    run = world.run(sort)
    flow = world.play(run, held=held)
    storm = Storm(world.ports, [run.call(max_tokens=WORDS)] * AT_ONCE)
    with storm.under_way():
        if held:
            _refused(world, run, storm, flow)
    _admitted(report, world, run, storm, CALLS)
    if held:
        report.must(flow.most == CALLS, f"{flow.most} were under way at once")
    _books(report, world, run, CALLS, COSTS[sort])
    (late,) = Storm(world.ports[-1:], [run.call(max_tokens=WORDS)]).run()
    report.must(_is_spent(late), f"one more got {late.status} {late.headers}")
    _reconciled(report, world)
    return report


def dearer(world: World, at_once: int) -> Report:
    """Have calls cost three times what is reserved for them; so many are under way at once.

    The last one is let in where spent + held + reserve <= budget. What is under way with it, n
    calls, then costs n x cost, of which n x reserve was in that sum. So what is spent at the end is
    at most budget + n x (cost - reserve).
    """
    report = Report(f"calls at 3 x the estimate, {at_once} at once")
    run = world.run("dearer")
    flow = world.play(run)
    budget, bound = CALLS * CENT, CALLS * CENT + at_once * (DEARER - CENT)
    passed = 0
    for _ in range(CALLS + 2):
        storm = Storm(world.ports, [run.call()] * at_once)
        storm.run()
        # Who has an answer may not have been charged yet, and would be under way still.
        eventually(lambda: world.unsettled()[0] == 0, "all of them are settled", within_s=WITHIN_S)
        passed += storm.statuses[200]
        if not storm.statuses[200]:
            break
    spent = passed * DEARER
    report.note("budget, $", dollars(budget))
    report.note("spent, $", dollars(spent))
    report.note("bound, $", dollars(bound))
    report.must(spent <= bound, f"{spent} nano-USD is above {bound}")
    report.must(spent + CENT > budget, f"{spent} nano-USD, and nobody is let in any more")
    report.must(flow.most <= at_once, f"{flow.most} were under way at once")
    report.must(world.asked(run) == passed, f"{world.asked(run)} upstream, {passed} answered")
    _books(report, world, run, passed, DEARER)
    _reconciled(report, world)
    return report


def dearer_all_at_once(world: World) -> Report:
    """Have everything under way at once: the bound is reached, and not passed."""
    report = Report(f"calls at 3 x the estimate, {AT_ONCE} at once")
    run = world.run("dearer")
    flow = world.play(run, held=True)
    storm = Storm(world.ports, [run.call()] * AT_ONCE)
    with storm.under_way():
        _refused(world, run, storm, flow)
    _admitted(report, world, run, storm, CALLS)
    bound = CALLS * CENT + flow.most * (DEARER - CENT)
    report.note("budget, $", dollars(CALLS * CENT))
    report.note("spent, $", dollars(CALLS * DEARER))
    report.note("bound, $", dollars(bound))
    report.must(bound >= CALLS * DEARER, f"more than {bound} nano-USD")
    _books(report, world, run, CALLS, DEARER)
    _reconciled(report, world)
    return report


def _refused(world: World, run: Run, storm: Storm, flow: Flow) -> None:
    """Let go what is under way once that is all of the budget, and all others are refused."""
    refused = AT_ONCE - CALLS

    def all_known() -> bool:
        return storm.statuses[429] == refused and world.asked(run) == CALLS

    try:
        eventually(all_known, f"{refused} are refused, {CALLS} under way", within_s=WITHIN_S)
    except AssertionError as error:
        found = f"{dict(storm.statuses)} answered, {world.asked(run)} upstream"
        raise AssertionError(f"{error}: {found}, {world.counted(run)} counted") from None
    finally:
        flow.let_go()


def _admitted(report: Report, world: World, run: Run, storm: Storm, wanted: int) -> None:
    seen, upstream = dict(sorted(storm.statuses.items())), world.asked(run)
    report.note("answers", seen)
    report.note("calls upstream", upstream)
    expected = {200: wanted, 429: len(storm.answers) - wanted}
    report.must(seen == expected, f"answers {seen}, not {expected}")
    report.must(upstream == wanted, f"{upstream} calls upstream, not {wanted}")


def _books(report: Report, world: World, run: Run, lines: int, cost: int) -> None:
    """Compare what calls cost with the ledger, and with what the budget has counted."""
    world.settled()
    charged, counted = world.charged(run), world.counted(run)
    report.note("lines of the ledger: charged, all", (len(charged), len(world.entries(run))))
    report.note("counted by the budget, $", dollars(counted[0]))
    report.must(charged == [cost] * lines, f"the ledger has {len(charged)} lines: {set(charged)}")
    report.must(counted == (lines * cost, 0), f"counted: {counted}, not {lines * cost}")


def _is_spent(answer: Answered) -> bool:
    return answer.status == 429 and int(answer.headers.get("retry-after", "0")) >= 1


def _reconciled(report: Report, world: World) -> None:
    done = world.reconcile()
    report.note("`sluicegate reconcile`", f"exit status {done.returncode}")
    report.must(done.returncode == 0, f"reconcile: {done.stdout}{done.stderr}")
