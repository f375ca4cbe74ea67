"""Every ledger of a state keeps the same promises: in memory, on one server, and on a cluster.

Workers write lines by a `LimitState`, management takes them out by a `Ledger`.
"""

from __future__ import annotations

from sluicegate.model.ledger import Entry
from sluicegate.state.contract import Ask
from sluicegate.state.ledger import Batch
from support.state_ledgers import GROUP, MONTH, TWO, Pair, Play, ids, totals, written

# --- moving ----------


def test_a_line_waits_until_it_was_moved(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(Entry(id="a", cost=5), Entry(id="b", cost=None))
        assert await pair.ledger.waiting() == (2, 0)
        batch = await pair.read()
        assert ids(batch.lines) == ["a", "b"]
        assert [(line.at_us, line.cost, line.budgets) for line in batch.lines] == [
            (0, 5, ()),
            (0, None, ()),
        ]
        assert await pair.read() == batch
        assert await pair.ledger.waiting() == (2, 0)
        await pair.ledger.moved("one", batch)
        assert await pair.ledger.waiting() == (0, 0)
        assert await pair.read() == Batch([], [], [])

    play(scene)


def test_a_settled_line_says_when_it_was_admitted_and_what_it_was_charged_to(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        began_us = pair.clock.wall_us()
        await pair.spend("t", 7)
        (line,) = (await pair.read()).lines
        assert abs(line.at_us - began_us) < 60_000_000
        assert line.budgets == (f"{GROUP.place}\x1fada",)
        assert (line.cost, line.unsettled) == (7, False)

    play(scene)


def test_lines_are_read_oldest_first_as_many_as_asked_for(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(*(Entry(id=f"{n}") for n in range(5)))
        for first in (0, 2, 4):
            batch = await pair.read(most=2)
            assert ids(batch.lines) == [f"{n}" for n in range(5)][first : first + 2]
            await pair.ledger.moved("one", batch)

    play(scene)


def test_what_comes_while_lines_are_moved_stays(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(Entry(id="a"))
        batch = await pair.read()
        await pair.append(Entry(id="b"))
        await pair.ledger.moved("one", batch)
        assert ids((await pair.read()).lines) == ["b"]

    play(scene)


def test_only_one_moves(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(Entry(id="a"))
        batch = await pair.read("one")
        assert await pair.ledger.read("two", 10) is None
        await pair.ledger.moved("two", batch)
        assert await pair.ledger.waiting() == (1, 0)
        await pair.ledger.moved("one", batch)
        assert await pair.ledger.waiting() == (0, 0)

    play(scene)


def test_a_move_that_is_told_twice_deletes_nothing_else(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(Entry(id="a"))
        batch = await pair.move()
        await pair.append(Entry(id="b"))
        await pair.ledger.moved("one", batch)
        assert ids((await pair.read()).lines) == ["b"]

    play(scene)


def test_a_batch_that_is_told_again_and_late_does_not_end_the_move_under_way(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(Entry(id="a"))
        first = await pair.read()
        await pair.append(Entry(id="b"))
        second = await pair.read()
        await pair.ledger.moved("one", first)
        assert not await pair.seed()
        await pair.ledger.moved("one", second)
        assert await pair.seed()

    play(scene)


def test_what_was_read_by_who_has_ended_is_being_moved_until_it_is_deleted(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(Entry(id="a"), Entry(id="b"))
        await pair.append(Entry(id="added up"), Entry(id="and this"))
        before = await pair.read(most=9)
        assert (len(before.lines), len(before.totals)) == (2, 1)
        await pair.ledger.moved("one", await pair.read(most=1))
        assert not await pair.seed()
        await pair.ledger.moved("one", await pair.read(most=1))
        assert not await pair.seed()
        await pair.ledger.moved("one", await pair.read(most=1))
        assert await pair.seed()

    play(scene, most_lines=2)


def test_thousands_of_lines_are_moved_at_once(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        await pair.append(*(Entry(id=f"{n}") for n in range(3000)))
        batch = await pair.read(most=5000)
        assert ids(batch.lines) == [f"{n}" for n in range(3000)]
        assert ids(await pair.ledger.pending()) == [f"{n}" for n in range(3000)]
        await pair.ledger.moved("one", batch)
        assert await pair.ledger.waiting() == (0, 0)

    play(scene, most_lines=5000)


def test_the_version_is_another_one_after_each_move_of_something(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        seen = [await pair.ledger.version()]
        for name in "abc":
            await pair.append(Entry(id=name))
            await pair.move()
            seen.append(await pair.ledger.version())
        assert len(set(seen)) == 4
        await pair.move()
        assert await pair.ledger.version() == seen[-1]

    play(scene)


def test_what_waits_can_be_seen_and_stays(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.ledger.pending() == []
        assert await pair.seed()
        await pair.spend("t", 9_000)
        await pair.append(Entry(id="a"))
        assert ids(await pair.ledger.pending()) == ["t", "a"]
        assert ids((await pair.read()).lines) == ["t", "a"]

    play(scene)


# --- alerts ----------


def test_a_budget_that_reaches_a_threshold_says_so_once(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        await pair.spend("below", 7_999)
        assert (await pair.read()).alerts == []
        await pair.spend("reaches", 1)
        await pair.spend("above", 1)
        (alert,) = (await pair.read()).alerts
        assert (alert.place, alert.subject, alert.label) == (GROUP.place, "ada", MONTH.label)
        assert (alert.percent, alert.limit, alert.spent) == (80, 10_000, 8_000)
        assert alert.start_us == pair.starts(GROUP)[0]
        assert abs(alert.at_us - pair.clock.wall_us()) < 60_000_000
        await pair.move()
        assert (await pair.read()).alerts == []

    play(scene)


def test_an_alert_that_was_not_told_comes_again_and_stops_nothing(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        await pair.spend("reaches", 8_000)
        batch = await pair.read()
        await pair.ledger.moved("one", Batch(batch.lines, [], batch.totals))
        again = await pair.read()
        assert (again.lines, again.alerts) == ([], batch.alerts)
        assert await pair.seed(GROUP, "bob")
        await pair.ledger.moved("one", again)
        assert await pair.ledger.waiting() == (0, 0)

    play(scene)


# --- sweeping ----------


def test_what_nobody_settles_is_charged(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed(TWO)
        await pair.take("kept", 5, TWO)
        await pair.take("lost", 500, TWO, life_ms=0)
        assert await pair.ledger.sweep(100) == 1
        assert await pair.counts() == [("spending-day", 500, 5), ("spending-month", 500, 5)]
        batch = await pair.read()
        (line,) = batch.lines
        assert (line.cost, line.unsettled, line.budgets) == (500, True, (f"{TWO.place}\x1fada",))
        assert ids([line]) == ["lost"]
        assert line.at_us > 0
        assert [(alert.label, alert.percent) for alert in batch.alerts] == [("spending-day", 50)]
        assert await pair.ledger.sweep(100) == 0

    play(scene)


def test_what_was_swept_is_not_settled_again(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        await pair.take("late", 500, life_ms=0)
        assert await pair.ledger.sweep(100) == 1
        await pair.settle("late", 5)
        assert await pair.counts() == [("spending-month", 500, 0)]
        assert ids((await pair.read()).lines) == ["late"]

    play(scene)


def test_budgets_of_one_call_are_charged_the_same_where_nobody_settles_it(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        assert await pair.seed(TWO)
        asks = [Ask(GROUP, "ada", 300), Ask(TWO, "ada", 20)]
        assert (await pair.state.take(asks, "t", written("t"), 0)).admitted
        assert await pair.ledger.sweep(100) == 1
        assert await pair.counts() == [
            ("spending-day", 300, 0), ("spending-month", 300, 0), ("spending-month", 300, 0),
        ]  # fmt: skip
        (line,) = (await pair.read()).lines
        assert line.cost == 300
        assert set(line.budgets) == {f"{GROUP.place}\x1fada", f"{TWO.place}\x1fada"}

    play(scene)


def test_a_budget_of_two_policies_is_charged_once_where_nobody_settles(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        asks = [Ask(GROUP, "ada", 300), Ask(GROUP, "ada", 300)]
        assert (await pair.state.take(asks, "t", written("t"), 0)).admitted
        assert await pair.counts() == [("spending-month", 0, 600)]
        assert await pair.ledger.sweep(100) == 1
        assert await pair.counts() == [("spending-month", 300, 0)]
        (line,) = (await pair.read()).lines
        assert (line.cost, line.budgets) == (300, (f"{GROUP.place}\x1fada",))

    play(scene)


def test_a_sweep_charges_as_many_as_it_may(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        for n in range(5):
            await pair.take(f"{n}", 1, life_ms=0)
        assert [await pair.ledger.sweep(2) for _ in range(4)] == [2, 2, 1, 0]
        for n in range(250):
            await pair.take(f"more-{n}", 1, life_ms=0)
        assert [await pair.ledger.sweep(1000) for _ in range(2)] == [250, 0]

    play(scene)


# --- overflow ----------


def named(total: Entry) -> str:
    """Return which exchange a total is named after."""
    return total.id.split("-")[1]


def entry(entry_id: str, at_us: int, cost: int | None = 5, **fields: object) -> Entry:
    """Return an entry of one call."""
    more: dict[str, object] = {"consumer": "ada", "model": "m", "status": 200, "input": 10}
    return Entry(id=entry_id, at_us=at_us, cost=cost, **(more | fields))  # type: ignore[arg-type]


def test_lines_that_do_not_fit_are_added_up_by_the_minute(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        minute_us = 1_700_000_040_000_000
        await pair.append(entry("fits", minute_us))
        await pair.append(
            entry("a", minute_us + 1, output=1, bytes_in=7, attempts=1, key="k"),
            entry("b", minute_us + 59_999_999, output=2, bytes_in=8, attempts=2, key="k"),
            entry("next", minute_us + 60_000_000),
            entry("unpriced", minute_us, None),
            entry("failed", minute_us, status=500, failure="upstream_timeout"),
            entry("other", minute_us, consumer="bob"),
            entry("minute", minute_us, requests=40, model=None),
        )
        assert await pair.ledger.waiting() == (1, 46)
        batch = await pair.read()
        assert ids(batch.lines) == ["fits"]
        added = {named(each): each for each in totals(batch)}
        assert set(added) == {"a", "next", "unpriced", "failed", "other", "minute"}
        assert added["a"] == Entry(
            id=added["a"].id, at_us=minute_us, requests=2, consumer="ada", key="k", model="m",
            cost=10, input=20, output=3, status=200, attempts=3, bytes_in=15,
        )  # fmt: skip
        assert added["unpriced"].cost is None
        assert added["failed"].failure == "upstream_timeout"
        assert added["minute"].requests == 40

    play(scene, most_lines=1)


def test_totals_come_once_the_lines_are_read_and_stay_until_they_were_moved(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        minute_us = 1_700_000_040_000_000
        await pair.append(*(entry(f"{n}", minute_us) for n in range(3)))
        first = await pair.read(most=2)
        assert (ids(first.lines), first.totals) == (["0", "1"], [])
        second = await pair.read(most=3)
        assert [each.requests for each in totals(second)] == [1]
        await pair.append(entry("later", minute_us))
        assert len({line.id for line in await pair.ledger.pending()}) == 4
        again = await pair.read(most=4)
        assert sorted(named(each) for each in totals(again)) == ["2", "later"]
        await pair.ledger.moved("one", second)
        third = await pair.read()
        assert [named(each) for each in totals(third)] == ["later"]
        await pair.ledger.moved("one", second)
        assert await pair.read() == third
        await pair.ledger.moved("one", third)
        assert await pair.read() == Batch([], [], [])
        assert await pair.ledger.waiting() == (0, 2)

    play(scene, most_lines=2)


def test_what_was_added_up_is_part_of_a_budget_that_begins_anew(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        assert await pair.seed(GROUP, "adam")
        for n in range(4):
            await pair.spend(f"{n}", 10)
        await pair.take("other", 500, GROUP, "adam")
        await pair.settle("other", 500, GROUP, "adam")
        version = await pair.ledger.version()
        assert await pair.ledger.put(GROUP, "ada", [0], pair.starts(GROUP), version)
        assert await pair.counts() == [("spending-month", 40, 0)]
        waiting = await pair.ledger.pending()
        mine = [line for line in waiting if line.budgets == (f"{GROUP.place}\x1fada",)]
        assert sum(line.cost or 0 for line in mine) == 40
        assert all(line.at_us >= pair.starts(GROUP)[0] for line in mine)

    play(scene, most_lines=1)


def test_what_is_swept_into_a_full_ledger_is_added_up(play: Play) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        await pair.append(Entry(id="fits"))
        await pair.take("lost", 7, life_ms=0)
        await pair.ledger.sweep(100)
        (total,) = totals(await pair.read())
        assert (total.cost, total.unsettled, total.consumer) == (7, True, "ada")

    play(scene, most_lines=1)
