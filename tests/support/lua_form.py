"""The Lua scripts driven by redis-py, with the times that a test says, so that no time passes.

    form = LuaForm(client)
    form.take([Ask(group, "ada", 3)], now_us, "ticket")      # -> Verdict, as a LimitState answers
    form.counts(group, "ada")                                # -> {label: counts}

    both = Both(form)                                        # and a MemoryState
    both.pause(1000); both.take([Ask(group, "ada", 3)])      # fails where they differ

Keys are begun anew by every form, so that forms share a server.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar
from uuid import uuid4

import msgspec
import redis

from sluicegate.metrics import Metrics
from sluicegate.state.contract import Ask, Block, Counts, Group, Outcome, Verdict
from sluicegate.state.memory import MemoryState
from sluicegate.state.redis.scripts import script
from support.mock_clock import MockClock

Answer = TypeVar("Answer")
START = 1_700_000_000_000_000
"""In µs."""
EXPIRE_MS = 3_600_000
SHADOW, SETTLES, RECORDED = 1, 2, 4


def spec_of(group: Group, flags: int = 0) -> bytes:
    """What scripts are told of a group."""
    flags |= group.shadow * SHADOW + group.settles * SETTLES
    limits = [[each.label, each.algorithm.code, *each.algorithm.numbers] for each in group.limits]
    return msgspec.msgpack.encode([flags, *limits])


class LuaForm:
    """What a state does, by the scripts alone."""

    def __init__(self, client: redis.Redis, known: dict[str, str] | None = None) -> None:
        """`known` are digests of what was loaded already, by name."""
        self.client = client
        self.begin = f"{uuid4()}:"
        self._known = {} if known is None else known

    def key(self, group: Group, subject: str) -> str:
        return f"{self.begin}{{{subject}}}{group.place}"

    def call(self, name: str, keys: Sequence[str], *arguments: Any) -> Any:
        if name not in self._known:
            self._known[name] = self.client.script_load(script(name).source)
        return self.client.evalsha(self._known[name], len(keys), *keys, *arguments)

    def take(self, asks: Sequence[Ask], now_us: int, ticket: str = "", flags: int = 0) -> Verdict:
        pairs = [part for ask in asks for part in (spec_of(ask.group, flags), ask.cost)]
        reply = self.call("take", self._keys(asks), now_us, ticket, EXPIRE_MS, *pairs)
        limits = [limit for ask in asks for limit in ask.group.limits]
        return Verdict(bool(reply[0]), outcomes(reply[1:], limits))

    def settle(self, asks: Sequence[Ask], now_us: int, ticket: str, costs: Sequence[int]) -> int:
        pairs: list[Any] = []
        for ask, cost in zip(asks, costs, strict=True):
            pairs += (spec_of(ask.group), cost)
        return int(self.call("settle", self._keys(asks), now_us, ticket, 0, *pairs))

    def refresh(self, held: Sequence[tuple[Ask, str]], now_us: int) -> int:
        pairs = [part for ask, ticket in held for part in (spec_of(ask.group), ticket)]
        keys = self._keys([ask for ask, _ in held])
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
        self.memory = MemoryState(self.clock, Metrics())

    @property
    def now_us(self) -> int:
        return self.clock.wall_us()

    def pause(self, pause_us: int) -> None:
        """Set the time, without a sweep: Valkey forgets by its own clock."""
        self.clock.set_wall_us(self.now_us + pause_us)

    def take(self, asks: Sequence[Ask], ticket: str = "") -> Verdict:
        expected = run(self.memory.take(asks, ticket))
        verdict = self.form.take(asks, self.now_us, ticket)
        assert verdict.admitted == expected.admitted
        assert list(map(said, verdict.outcomes)) == list(map(said, expected.outcomes))
        self.compare(asks)
        return verdict

    def settle(self, asks: Sequence[Ask], ticket: str, costs: Sequence[int]) -> None:
        run(self.memory.settle(asks, ticket, costs))
        self.form.settle(asks, self.now_us, ticket, costs)
        self.compare(asks)

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

    def compare(self, asks: Sequence[Ask]) -> None:
        """Compare what is kept of all limits of the asks."""
        for ask in asks:
            if not ask.group.slots:
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
