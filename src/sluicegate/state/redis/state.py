"""Limits counted by scripts in Redis or Valkey: atomic, in the server's time.

The takes of one request are one call where they are kept by one server. In a cluster subjects lie
in different hash slots: then each is taken from by itself, all at once, and where one refuses or
does not answer the others are given back by the ticket. What cannot be given back is missed until
the limit refills by itself; nothing is ever admitted in excess. Budgets and lines of
the ledger are all kept by one server, and are one part.

Calls over one connection are done in the order in which they were made. So whoever gives up waiting
for a take may settle its ticket right away, and finds it taken or never taken.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sluicegate.errors import StateAway
from sluicegate.state.contract import MOST_LINES, Ask, Block, Crew, Outcome, Verdict
from sluicegate.state.redis.caller import MOST_STEPS, Caller, Nodes
from sluicegate.state.redis.commands import (
    GIVEN_BACK_WITHIN_MS,
    LEDGER_TAG,
    Commands,
    Part,
    part_tag,
    tag_of,
)
from sluicegate.state.redis.scripts import script

if TYPE_CHECKING:
    from sluicegate.state.redis.calls import CallCounts

PRESENT: Final = b"workers"
"""The hash tag of the key at which workers say that they are alive."""
MARKS: Final = b"marks"
"""The hash tag of the key of all marks: few, and looked at together."""
BLOCK_NUMBERS: Final = 7
"""In the reply of `lend`, per limit."""


class RedisState:
    """A `LimitState`. `start` it on the loop that it is used on."""

    __slots__ = (
        "_append",
        "_aside",
        "_caller",
        "_commands",
        "_counts",
        "_give_back",
        "_lend",
        "_mark",
        "_marks",
        "_nodes",
        "_present",
        "_refresh",
        "_settle",
        "_take",
    )

    def __init__(
        self,
        nodes: Nodes,
        namespace: str,
        counts: CallCounts,
        timeout_s: float = 0.025,
        most_lines: int = MOST_LINES,
    ) -> None:
        """Read the scripts; nothing is connected yet. `timeout_s` is the deadline of one call.

        `most_lines` of the ledger may wait.
        """
        self._nodes = nodes
        self._counts = counts
        self._caller = Caller(nodes, counts)
        self._aside: set[asyncio.Task[None]] = set()
        self._take = script("take")
        self._settle = script("settle")
        self._append = script("append")
        self._refresh = script("refresh")
        self._lend = script("lend")
        self._give_back = script("give_back")
        self._present = script("present")
        self._mark = script("mark")
        self._marks = script("marks")
        # A part may be refused, and another one given back, after as many deadlines each.
        slowest_ms = int(2 * (1 + MOST_STEPS) * timeout_s * 1000)
        undone_ms = max(GIVEN_BACK_WITHIN_MS, slowest_ms)
        self._commands = Commands(namespace, self._take, undone_ms, most_lines)

    @property
    def several(self) -> bool:
        """Whether subjects may be kept by different servers."""
        return self._nodes.several

    async def start(self) -> None:
        """Connect; returns once that was tried, whether it worked or not."""
        await self._nodes.start()

    def close(self) -> None:
        """Let go of timers and connections."""
        for task in self._aside:
            task.cancel()
        self._nodes.close()

    async def take(
        self, asks: Sequence[Ask], ticket: str = "", entry: bytes = b"", life_ms: int = 0
    ) -> Verdict:
        """Take everything, or nothing. Raises StateAway."""
        ask = asks[0]
        if len(asks) > 1 or ticket or ask.cost != 1 or ask.group.settles or ask.group.spends:
            return await self._take_all(asks, ticket, entry, life_ms)
        # Most requests go this way. It is `Caller.call`, without calls within calls.
        prepared = self._commands.of(ask.group)
        tag = tag_of(ask.subject)
        written = prepared.take_one(tag)
        connection, answer = self._caller.begin(tag, written)
        try:
            reply = await answer
        except StateAway:
            self._counts.late += 1
            raise
        if type(reply) is not list:
            reply = await self._caller.follow(connection, written, self._take, reply)
        elif self._counts.refusing:
            self._counts.accepted(connection.name)
        self._counts.ok += 1
        outcomes: list[Outcome] = []
        _read(reply, 1, prepared.limits, outcomes)
        return Verdict(reply[0] == 1, outcomes)

    async def settle(
        self,
        asks: Sequence[Ask],
        ticket: str,
        costs: Sequence[int],
        entry: bytes = b"",
        cost: int | None = None,
    ) -> None:
        """Say what was taken cost in the end. Raises StateAway, all parts having been tried."""
        parts = self._parts(asks, costs, entry)
        if len(parts) == 1:  # as it is but for clusters; nothing has to be gathered
            if parts[0].has_tickets or entry:
                await self._settle_part(parts[0], ticket, entry, cost)
            return
        ledger = LEDGER_TAG if self._nodes.several else parts[0].tag
        await _all(
            self._settle_part(part, ticket, entry if part.tag == ledger else b"", cost)
            for part in parts
            if part.has_tickets or (entry and part.tag == ledger)
        )

    async def append(self, lines: Sequence[tuple[int | None, bytes]]) -> None:
        """Write lines of the ledger that no budget is charged with. Raises StateAway."""
        written = self._commands.append(self._append, lines)
        await self._caller.call(LEDGER_TAG, written, self._append)

    async def refresh(self, held: Sequence[tuple[Ask, str]]) -> None:
        """Keep slots and reservations from expiring. Raises StateAway, all having been tried."""
        tags: dict[bytes, list[tuple[Ask, str]]] = {}
        for each in held:
            tag = part_tag(each[0]) if self._nodes.several else PRESENT
            tags.setdefault(tag, []).append(each)
        await _all(
            self._caller.call(tag, self._commands.refresh(self._refresh, each), self._refresh)
            for tag, each in tags.items()
        )

    async def lend(self, ask: Ask, wants: Sequence[int], block: str) -> list[Block]:
        """Lend up to `wants` units of each limit. Raises StateAway."""
        written = self._commands.block(self._lend, ask, block, wants)
        reply = await self._caller.call(tag_of(ask.subject), written, self._lend)
        blocks: list[Block] = []
        for place, limit in enumerate(self._commands.of(ask.group).limits):
            at = place * BLOCK_NUMBERS
            outcomes: list[Outcome] = []
            _read(reply, at + 3, [limit], outcomes)
            blocks.append(Block(reply[at], reply[at + 1], reply[at + 2], outcomes[0]))
        return blocks

    async def give_back(self, ask: Ask, block: str, unspent: Sequence[int]) -> None:
        """Give back what is left of a block. Raises StateAway."""
        written = self._commands.block(self._give_back, ask, block, unspent)
        await self._caller.call(tag_of(ask.subject), written, self._give_back, tells=False)

    async def present(self, worker: str) -> Crew:
        """Say that `worker` is alive, and learn who is. Raises StateAway."""
        written = self._commands.present(self._present, PRESENT, worker)
        reply = await self._caller.call(PRESENT, written, self._present)
        return Crew(reply[0], reply[1])

    async def mark(self, lives_ms: Mapping[str, int]) -> None:
        """Leave marks. Raises StateAway."""
        written = self._commands.mark(self._mark, MARKS, lives_ms)
        await self._caller.call(MARKS, written, self._mark)

    async def marks(self, names: Sequence[str]) -> list[int]:
        """Return for how many more milliseconds each mark lives. Raises StateAway."""
        written = self._commands.marks(self._marks, MARKS, names)
        reply = await self._caller.call(MARKS, written, self._marks, tells=False)
        return [int(life_ms) for life_ms in reply]

    async def _take_all(
        self, asks: Sequence[Ask], ticket: str, entry: bytes, life_ms: int
    ) -> Verdict:
        parts = self._parts(asks, [ask.cost for ask in asks])
        if len(parts) > 1:
            return await self._take_parts(parts, ticket or secrets.token_hex(8), entry, life_ms)
        part = parts[0]
        written = self._commands.take(part, ticket, entry, life_ms)
        reply = await self._caller.call(part.tag, written, self._take)
        outcomes: list[Outcome] = []
        at = 1
        for ask in asks:
            at = _read(reply, at, self._commands.of(ask.group).limits, outcomes)
        return Verdict(reply[0] == 1, outcomes)

    async def _take_parts(
        self, parts: list[Part], ticket: str, entry: bytes, life_ms: int
    ) -> Verdict:
        """Take from all hash slots at once; where one refuses, give back what the others gave."""
        replies: list[Any] = [None] * len(parts)
        admitted = False
        try:
            await _all(
                self._take_part(
                    self._commands.take(part, ticket, entry, life_ms, recorded=True),
                    part.tag,
                    replies,
                    place,
                )
                for place, part in enumerate(parts)
            )
            admitted = all(reply[0] == 1 for reply in replies)
        finally:
            if not admitted:
                self._undo(parts, ticket, replies)
        found: dict[int, list[Outcome]] = {}
        for part, reply in zip(parts, replies, strict=True):
            at = 1
            for place, ask in zip(part.places, part.asks, strict=True):
                found[place] = []
                at = _read(reply, at, self._commands.of(ask.group).limits, found[place])
                if reply[0] == 1 and not admitted:
                    _put_back(found[place], ask.cost)
        return Verdict(admitted, [each for place in sorted(found) for each in found[place]])

    async def _take_part(self, written: bytes, tag: bytes, replies: list[Any], place: int) -> None:
        replies[place] = await self._caller.call(tag, written, self._take)

    async def _settle_part(
        self, part: Part, ticket: str, entry: bytes = b"", cost: int | None = None
    ) -> None:
        written = self._commands.settle(self._settle, part, ticket, entry, cost)
        await self._caller.call(part.tag, written, self._settle, tells=False, lingers=entry != b"")

    def _undo(self, parts: list[Part], ticket: str, replies: list[Any]) -> None:
        """Give back, aside, what was taken or may have been."""
        for part, reply in zip(parts, replies, strict=True):
            if reply is None or reply[0] == 1:
                part.costs = [0] * len(part.costs)
                task = asyncio.get_running_loop().create_task(
                    _quietly(self._settle_part(part, ticket))
                )
                self._aside.add(task)
                task.add_done_callback(self._aside.discard)

    def _parts(self, asks: Sequence[Ask], costs: Sequence[int], entry: bytes = b"") -> list[Part]:
        """Part the asks by hash tag, where that makes a difference; one is the entry's."""
        first = Part(part_tag(asks[0]) if asks else LEDGER_TAG)
        parts: dict[bytes, Part] = {first.tag: first}
        for place, ask in enumerate(asks):
            part = first
            if self._nodes.several:
                tag = part_tag(ask)
                part = parts.setdefault(tag, Part(tag))
            part.add(place, ask, costs[place])
        if entry and self._nodes.several and LEDGER_TAG not in parts:
            parts[LEDGER_TAG] = Part(LEDGER_TAG)
        return list(parts.values())


def _read(reply: list[Any], at: int, limits: list[int], outcomes: list[Outcome]) -> int:
    """Append what a reply says of `limits`, from `at` on; return where the next begins."""
    for limit in limits:
        outcomes.append(Outcome(reply[at] == 1, limit, reply[at + 1], reply[at + 2], reply[at + 3]))
        at += 4
    return at


def _put_back(outcomes: list[Outcome], cost: int) -> None:
    """Say what is left without the request, of limits that had admitted it."""
    for outcome in outcomes:
        if outcome.admitted:
            outcome.remaining = min(outcome.limit, outcome.remaining + cost)
            outcome.retry_after_us = 0


async def _all(calls: Any) -> None:  # noqa: ANN401 - an iterable of coroutines
    """Make calls at once; raise StateAway where any failed, after all have ended."""
    ended = await asyncio.gather(*calls, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each


async def _quietly(call: Coroutine[Any, Any, None]) -> None:
    """Make a call whose failure changes nothing that can be helped."""
    try:
        await call
    except StateAway:
        return
