"""The Lua scripts driven by redis-py, with the times that a test says, so that no time passes.

    form = LuaForm(client)
    form.take([Ask(group, "ada", 3)], now_us, "ticket")      # -> Verdict, as a LimitState answers
    form.counts(group, "ada")                                # -> {label: counts}

    both = Both(form)                                        # and a MemoryState
    both.pause(1000); both.take([Ask(group, "ada", 3)])      # fails where they differ
    both.begin(budget, "ada"); both.sweep()                  # of budgets

Keys are begun anew by every form, so that forms share a server.
"""

from __future__ import annotations

import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import redis
from hypothesis import assume, currently_in_test_context

from sluicegate.metrics import Metrics
from sluicegate.state.contract import LEDGER, Ask, Block, Counts, Group, Outcome, Verdict
from sluicegate.state.ledger import Alert, Line
from sluicegate.state.memory import MemoryState
from sluicegate.state.memory_ledger import name_of
from sluicegate.state.redis.scripts import script
from support.mock_clock import MockClock

Answer = TypeVar("Answer")
START = 1_700_000_000_000_000
"""In µs."""
EXPIRE_MS = 3_600_000
LEAST_LIFE_S = 0.9
"""Keys end by the server's clock, after a second at the soonest: a history that a busy machine has
held up for longer says nothing."""
SHADOW, SETTLES, RECORDED = 1, 2, 4


def spec_of(group: Group, flags: int = 0) -> bytes:
    """What scripts are told of a group."""
    if group.spends:  # what is held of budgets has a record of its own
        flags = 0
    flags |= group.shadow * SHADOW + (group.settles and not group.spends) * SETTLES
    limits = [[each.label, each.algorithm.code, *each.algorithm.numbers] for each in group.limits]
    return msgspec.msgpack.encode([flags, *limits])


class LuaForm:
    """What a state does, by the scripts alone."""

    def __init__(
        self, client: redis.Redis, known: dict[str, str] | None = None, most_lines: int = 1000
    ) -> None:
        """`known` are digests of what was loaded already, by name."""
        self.client = client
        self.begin = f"{uuid4()}:"
        self.most_lines = most_lines
        self._born = time.monotonic()
        self._known = {} if known is None else known

    def key(self, group: Group, subject: str) -> str:
        if group.spends:
            return f"{self.ledger}{group.place}\x1f{subject}"
        return f"{self.begin}{{{subject}}}{group.place}"

    @property
    def ledger(self) -> str:
        """What keys of the ledger begin with."""
        return f"{self.begin}{{{LEDGER}}}"

    def call(self, name: str, keys: Sequence[str], *arguments: Any) -> Any:
        if name not in self._known:
            self._known[name] = self.client.script_load(script(name).source)
        reply = self.client.evalsha(self._known[name], len(keys), *keys, *arguments)
        if currently_in_test_context():
            assume(time.monotonic() - self._born < LEAST_LIFE_S)
        return reply

    def take(
        self, asks: Sequence[Ask], now_us: int, ticket: str = "", flags: int = 0,
        entry: bytes = b"", life_ms: int = 0,
    ) -> Verdict:  # fmt: skip
        pairs = [part for ask in asks for part in (spec_of(ask.group, flags), ask.cost)]
        keys = self._keys(asks)
        if any(ask.group.spends for ask in asks):
            keys.append(f"{self.ledger}lines")
            pairs += [entry, life_ms, self.most_lines]
        reply = self.call("take", keys, now_us, ticket, EXPIRE_MS, *pairs)
        limits = [limit for ask in asks for limit in ask.group.limits]
        return Verdict(bool(reply[0]), outcomes(reply[1:], limits))

    def settle(
        self, asks: Sequence[Ask], now_us: int, ticket: str, costs: Sequence[int],
        entry: bytes = b"", cost: int | None = None,
    ) -> int:  # fmt: skip
        pairs: list[Any] = []
        for ask, own in zip(asks, costs, strict=True):
            pairs += (spec_of(ask.group), own)
        keys = self._keys(asks)
        if entry or any(ask.group.spends for ask in asks):
            keys.append(f"{self.ledger}lines")
            pairs += [entry, "" if cost is None else cost, self.most_lines]
        return int(self.call("settle", keys, now_us, ticket, 0, *pairs))

    def append(self, lines: Sequence[tuple[int | None, bytes]], now_us: int) -> int:
        pairs = [part for cost, entry in lines for part in ("" if cost is None else cost, entry)]
        keys = [f"{self.ledger}lines"]
        return int(self.call("append", keys, now_us, self.most_lines, *pairs))

    def sweep(self, now_us: int) -> int:
        keys = [self.ledger, f"{self.ledger}lines"]
        return int(self.call("ledger_sweep", keys, now_us, 1000, self.most_lines))

    def lines(self) -> list[dict[bytes, bytes]]:
        """What waits, alerts as well, the oldest first."""
        return [item for _, item in self.client.xrange(f"{self.ledger}lines")]

    def refresh(self, held: Sequence[tuple[Ask, str]], now_us: int) -> int:
        pairs = [part for ask, ticket in held for part in (spec_of(ask.group), ticket)]
        keys = self._keys([ask for ask, _ in held])
        if any(ask.group.spends for ask, _ in held):
            keys.append(f"{self.ledger}lines")
        return int(self.call("refresh", keys, now_us, "", 0, *pairs))

    def lend(self, ask: Ask, now_us: int, wants: Sequence[int], block: str) -> list[Block]:
        reply = self.call("lend", self._keys([ask]), now_us, block, 0, spec_of(ask.group), *wants)
        blocks = []
        for at, limit in enumerate(ask.group.limits):
            granted, ends_us, lent, *numbers = reply[at * 7 : at * 7 + 7]
            blocks.append(Block(granted, ends_us, lent, outcomes(numbers, [limit])[0]))
        return blocks

    def give_back(self, ask: Ask, now_us: int, block: str, unspent: Sequence[int]) -> int:
        spec = spec_of(ask.group)
        return int(self.call("give_back", self._keys([ask]), now_us, block, 0, spec, *unspent))

    def merge(
        self, ask: Ask, now_us: int, region: str, epoch: str, told: Sequence[tuple[int, int, int]]
    ) -> int:
        numbers = [number for each in told for number in each]
        spec = spec_of(ask.group)
        keys = self._keys([ask])
        return int(self.call("merge", keys, now_us, "", 0, spec, region, epoch, *numbers))

    def totals(self, ask: Ask, now_us: int, epoch: str) -> tuple[str, list[tuple[int, int, int]]]:
        known, *numbers = self.call(
            "totals", self._keys([ask]), now_us, epoch, 0, spec_of(ask.group)
        )
        told = [(*numbers[at : at + 3],) for at in range(0, len(numbers), 3)]
        return known.decode(), told

    def present(self, worker: str, now_us: int) -> tuple[int, int]:
        workers, place = self.call("present", [f"{self.begin}workers"], now_us, worker)
        return workers, place

    def counts(self, group: Group, subject: str) -> dict[str, Counts]:
        """What is kept of each limit, by label; of those that wrote last, and of others."""
        value = self.client.get(self.key(group, subject))
        items = msgspec.msgpack.decode(value) if value else []
        others = items.pop() if len(items) % 2 else []
        counts = dict(zip(others[::3], others[2::3], strict=True))
        counts |= dict(zip(items[::2], items[1::2], strict=True))
        return {label: tuple(kept) for label, kept in counts.items()}

    def _keys(self, asks: Sequence[Ask]) -> list[str]:
        return [self.key(ask.group, ask.subject) for ask in asks]


def outcomes(numbers: Sequence[int], limits: Sequence[Any]) -> list[Outcome]:
    """Read four numbers for each limit."""
    return [
        Outcome(bool(numbers[at]), limit.algorithm.limit, *numbers[at + 1 : at + 4])
        for at, limit in zip(range(0, len(numbers), 4), limits, strict=True)
    ]


def said(outcome: Outcome) -> tuple[bool, int, int, int, int]:
    """What an outcome says, to be compared."""
    return (
        outcome.admitted,
        outcome.limit,
        outcome.remaining,
        outcome.reset_us,
        outcome.retry_after_us,
    )


class Both:
    """Memory and Lua at the same times: whatever is asked, they say and keep the same."""

    def __init__(self, form: LuaForm) -> None:
        self.form = form
        self.clock = MockClock(START)
        self.memory = MemoryState(self.clock, Metrics(), most_lines=form.most_lines)

    @property
    def now_us(self) -> int:
        return self.clock.wall_us()

    def pause(self, pause_us: int) -> None:
        """Set the time, without a sweep: Valkey forgets by its own clock."""
        self.clock.set_wall_us(self.now_us + pause_us)

    def take(
        self, asks: Sequence[Ask], ticket: str = "", entry: bytes = b"", life_ms: int = 0
    ) -> Verdict:
        expected = run(self.memory.take(asks, ticket, entry, life_ms))
        verdict = self.form.take(asks, self.now_us, ticket, 0, entry, life_ms)
        assert verdict.admitted == expected.admitted
        assert list(map(said, verdict.outcomes)) == list(map(said, expected.outcomes))
        self.compare(asks)
        return verdict

    def settle(
        self, asks: Sequence[Ask], ticket: str, costs: Sequence[int], entry: bytes = b"",
        cost: int | None = None,
    ) -> None:  # fmt: skip
        run(self.memory.settle(asks, ticket, costs, entry, cost))
        self.form.settle(asks, self.now_us, ticket, costs, entry, cost)
        self.compare(asks)

    def append(self, lines: Sequence[tuple[int | None, bytes]]) -> None:
        run(self.memory.append(lines))
        self.form.append(lines, self.now_us)

    def sweep(self) -> int:
        count = self.memory.ledger.sweep(1000)
        assert self.form.sweep(self.now_us) == count
        return count

    def begin(self, group: Group, subject: str, *spent: int) -> None:
        """Begin the counts of a budget, as management does."""
        counts = [
            (limit.algorithm.period(self.now_us)[0], each, 0)  # type: ignore[attr-defined] - a budget's
            for limit, each in zip(group.limits, spent or (0,) * len(group.limits), strict=True)
        ]
        self.memory.ledger.keep(Ask(group, subject), counts, self.now_us)
        items = [
            part
            for limit, each in zip(group.limits, counts, strict=True)
            for part in (limit.label, each)
        ]
        self.form.client.set(self.form.key(group, subject), msgspec.msgpack.encode(items))

    def refresh(self, held: Sequence[tuple[Ask, str]]) -> None:
        run(self.memory.refresh(held))
        self.form.refresh(held, self.now_us)

    def lend(self, ask: Ask, wants: Sequence[int], ticket: str) -> list[Block]:
        expected = run(self.memory.lend(ask, wants, ticket))
        blocks = self.form.lend(ask, self.now_us, wants, ticket)
        for block, other in zip(blocks, expected, strict=True):
            assert said(block.outcome) == said(other.outcome)
            assert (block.granted, block.lent) == (other.granted, other.lent)
            assert block.ends_us == other.ends_us
        self.compare([ask])
        return blocks

    def give_back(self, ask: Ask, ticket: str, unspent: Sequence[int]) -> None:
        run(self.memory.give_back(ask, ticket, unspent))
        self.form.give_back(ask, self.now_us, ticket, unspent)
        self.compare([ask])

    def compare_ledger(self) -> None:
        """Compare lines, alerts and reservations."""
        ledger, base = self.memory.ledger, self.form.ledger
        waiting = self.form.lines()
        lines = [
            Line("", int(item[b"a"]), int(item[b"c"]) if item[b"c"] else None,
                 tuple(item[b"b"].decode().split("\n")) if item[b"b"] else (), item[b"e"],
                 b"u" in item)
            for item in waiting if b"e" in item
        ]  # fmt: skip
        assert lines == [msgspec.structs.replace(line, id="") for line in ledger.lines.values()]
        alerts = [
            Alert("", item[b"p"].decode(), item[b"s"].decode(), item[b"l"].decode(),
                  *(int(item[name]) for name in (b"t", b"m", b"v", b"w", b"a")))
            for item in waiting if b"p" in item
        ]  # fmt: skip
        assert alerts == [msgspec.structs.replace(each, id="") for each in ledger.alerts.values()]
        due = self.form.client.zrange(f"{base}due", 0, -1, withscores=True)
        known = {ticket.encode(): each.due_us for ticket, each in ledger.open.items()}
        assert {ticket: int(score) for ticket, score in due} == known
        assert set(self.form.client.hkeys(f"{base}open")) == set(known)
        assert int(self.form.client.get(f"{base}overs") or 0) == ledger.totals.added

    def compare(self, asks: Sequence[Ask]) -> None:
        """Compare what is kept of all limits of the asks."""
        for ask in asks:
            if ask.group.spends:
                budget = self.memory.ledger.budgets.get(name_of(ask))
                known = budget.counts if budget else {}
                assert self.form.counts(ask.group, ask.subject) == known
            elif not ask.group.slots:
                entry = self.memory._places.get(ask.group.place, {}).get(ask.subject)
                pairs = zip(entry.limits, entry.counts, strict=True) if entry else ()
                # What memory has forgotten is as if never used; there outcomes are compared alone.
                kept = {limit.label: counts for limit, counts in pairs if counts is not None}
                lua = self.form.counts(ask.group, ask.subject)
                assert {label: lua.get(label) for label in kept} == kept


def run(call: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what a call says that never waits."""
    try:
        call.send(None)
    except StopIteration as answer:
        result: Answer = answer.value
        return result
    raise AssertionError("it waited")
