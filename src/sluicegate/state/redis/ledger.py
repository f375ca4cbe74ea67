"""The ledger that waits in Redis or Valkey, on connections of its own.

    <namespace>:{ledger}lines       a stream: lines and alerts
    <namespace>:{ledger}…           see `state/scripts/ledger_*.lua`, `take.lua` and `settled.lua`

Nothing of it has a life but the leases: the state keeps it until the store has it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.errors import StateAway
from sluicegate.model.ledger import Entry
from sluicegate.state.contract import LEDGER, MOST_LINES, Group
from sluicegate.state.ledger import Alert, Batch, Line, Spent
from sluicegate.state.redis.address import parse_address
from sluicegate.state.redis.commands import LEDGER_TAG, NOTHING, Commands, call, number
from sluicegate.state.redis.ledger_replies import read_budgets, read_counts, read_item
from sluicegate.state.redis.patient import open_patient
from sluicegate.state.redis.resp import bulk
from sluicegate.state.redis.scripts import script

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import State
    from sluicegate.state.ledger import Ledger, Where
    from sluicegate.state.redis.scripts import Script

PAGE: Final = 1000
"""Lines: about a millisecond of the server's time."""
SOME: Final = 100
"""Reservations to be swept: about 5 ms of the server's time."""
NAME: Final = "sluicegate-ledger"
SCRIPTS: Final = (
    "read", "moved", "told", "seed", "sweep", "counts", "pending", "totals", "forget",
)  # fmt: skip
OF_CALLS: Final = ("take", "settle", "append", "refresh")
"""Scripts that workers call while requests wait: a server takes some 10 ms to learn one."""
FIELDS: Final = {name: place for place, name in enumerate(Entry.__struct_fields__, 1)}
"""Where fields stand in the msgpack of an entry, as Lua counts."""


class RedisLedger:
    """A `Ledger`. `start` it on the loop that it is used on."""

    def __init__(
        self, settings: State, clock: Clock, metrics: Metrics, most_lines: int = MOST_LINES
    ) -> None:
        """Take `state` settings; nothing is connected yet. Raises ConfigError for files of TLS.

        What is swept while `most_lines` wait is added up.
        """
        self._nodes, self._caller = open_patient(settings, clock, NAME)
        self._commands = Commands(settings.namespace, script("take"))
        self._scripts = {name: script(f"ledger_{name}") for name in SCRIPTS}
        self._of_calls = [script(name) for name in OF_CALLS]
        self._base = f"{settings.namespace}:{{{LEDGER}}}".encode()
        self._most_lines = most_lines
        outcomes = metrics.family(
            "sluicegate_ledger_calls_total",
            "counter",
            "Calls to the state for the ledger that waits there: `ok`, or `away`.",
            ("outcome",),
        )
        self._ok, self._away = outcomes.cell("ok"), outcomes.cell("away")

    async def start(self) -> None:
        """Connect; returns once that was tried."""
        await self._nodes.start()
        await self._teach()

    def close(self) -> None:
        """Let go of timers and connections."""
        self._nodes.close()

    async def read(self, mover: str, most: int) -> Batch | None:
        """Return what waits, to be moved by `mover`; None while another one moves."""
        known = self._caller.brought
        reply = await self._call("read", bulk(mover.encode()), number(most))
        if self._caller.brought != known:
            await self._teach()  # it is another server, or was started again
        if reply == 0:
            return None
        batch = Batch([], [], reply[1])
        for item in map(read_item, reply[0]):
            if isinstance(item, Alert):
                batch.alerts.append(item)
            else:
                batch.lines.append(item)
        return batch

    async def moved(self, mover: str, batch: Batch) -> None:
        """Delete what the store has now."""
        ids = [each.id for each in batch.lines] + [each.id for each in batch.alerts]
        arguments = [bulk(mover.encode()), number(len(ids))]
        arguments += [bulk(each.encode()) for each in ids]
        arguments += [bulk(_entry(total).id.encode()) for total in batch.totals]
        await self._call("moved", *arguments)

    async def waiting(self) -> tuple[int, int]:
        """Return how many lines wait, and how many exchanges were only added up since ever."""
        lines, added_up, _ = await self._call("told")
        return lines, added_up

    async def version(self) -> int:
        """Return a number that is another one after each move."""
        return int((await self._call("told"))[2])

    async def seed(
        self, group: Group, subject: str, spent: Sequence[int], starts_us: Sequence[int],
        version: int, where: Where | None = None,
    ) -> bool:  # fmt: skip
        """Begin the counts of a budget that has none."""
        told = self._prepare(group, subject, version, where, repairs=False)
        return await self._begin(told, spent, starts_us)

    async def put(
        self, group: Group, subject: str, spent: Sequence[int], starts_us: Sequence[int],
        version: int, where: Where | None = None,
    ) -> bool:  # fmt: skip
        """Begin the counts of a budget, whatever it has."""
        told = self._prepare(group, subject, version, where, repairs=True)
        return await self._begin(told, spent, starts_us)

    async def sweep(self, most: int) -> int:
        """Charge reservations that nobody keeps any more."""
        swept = 0
        while swept < most:
            some = min(SOME, most - swept)
            count = await self._call("sweep", number(some), number(self._most_lines))
            swept += count
            if count < some:
                break
        return swept

    async def counts(self) -> list[Spent]:
        """Return the counts of all budgets."""
        found: dict[bytes, list[Spent]] = {}
        cursor = b"0"
        while True:
            cursor, *pairs = await self._call("counts", bulk(cursor))
            for budget, value in zip(pairs[::2], pairs[1::2], strict=True):
                found[budget] = read_counts(budget, value)
            if cursor == b"0":
                return [each for counts in found.values() for each in counts]

    async def forget(self, places: Collection[str]) -> None:
        """Drop the counts of all budgets at some places."""
        if not places:
            return
        named = [bulk(place.encode("utf-8", "surrogateescape")) for place in places]
        for first in range(0, len(named), PAGE):
            cursor = b"0"
            while True:
                some = named[first : first + PAGE]
                cursor = await self._call("forget", bulk(cursor), *some)
                if cursor == b"0":
                    break

    async def pending(self) -> list[Line]:
        """Return all lines that wait, and totals as lines of their minute."""
        lines: list[Line] = []
        after = b"-"
        while after:
            page = await self._call("pending", bulk(after), number(PAGE))
            lines += [line for line in map(read_item, page) if isinstance(line, Line)]
            after = page[-1][0] if len(page) == PAGE else b""
        return lines + await self._totals()

    async def _totals(self) -> list[Line]:
        """Return totals that wait, those that were read before the others."""
        found: dict[str, Line] = {}
        for name in (b"overread", b"over"):
            cursor = b"0"
            while True:
                cursor, *pairs = await self._call("totals", bulk(name), bulk(cursor))
                for total, budgets in zip(pairs[::2], pairs[1::2], strict=True):
                    entry = _entry(total)
                    known = read_budgets(budgets)
                    found[entry.id] = Line(entry.id, entry.at_us, entry.cost, known, total)
                if cursor == b"0":
                    break
        return list(found.values())

    def _prepare(
        self, group: Group, subject: str, version: int, where: Where | None, *, repairs: bool
    ) -> tuple[bytes, list[bytes], bytes]:
        """Return the key of counts, and what stands before and behind the place in the lines."""
        prepared = self._commands.of(group)
        told = [prepared.spec, number(version), number(repairs)]
        return prepared.key_of(subject), told, bulk(_wanted(where))

    async def _begin(
        self, told: tuple[bytes, list[bytes], bytes], spent: Sequence[int], starts_us: Sequence[int]
    ) -> bool:
        """Go through the lines page by page; False once it cannot be exact."""
        key, before, wanted = told
        sums, after = list(spent), b"-"
        while True:
            arguments = [*before, bulk(after), wanted]
            for start_us, each in zip(starts_us, sums, strict=True):
                arguments += [number(start_us), number(each)]
            reply = await self._call("seed", *arguments, key=key)
            if isinstance(reply, int):
                return reply == 1
            after, sums = reply[0], [int(each) for each in reply[1:]]

    async def _teach(self) -> None:
        """Have the server know what workers call, before they do, all at once and in a hurry."""
        with suppress(StateAway):
            for each in self._of_calls:
                await self._caller.bring(LEDGER_TAG, each)

    async def _call(self, name: str, *arguments: bytes, key: bytes | None = None) -> Any:  # noqa: ANN401 - what the server replies
        called: Script = self._scripts[name]
        keys = [self._base, self._base + b"lines"]
        if key is not None:
            keys.append(key)
        try:
            reply = await self._caller.call(
                LEDGER_TAG, call(called, keys, [NOTHING, *arguments]), called
            )
        except StateAway:
            self._away.value += 1
            raise
        self._ok.value += 1
        return reply


def open_ledger(
    settings: State, clock: Clock, metrics: Metrics, most_lines: int = MOST_LINES
) -> Ledger | None:
    """Build the ledger of a `state.url`; None for `memory://`, which only its process can see.

    Raises ConfigError where a file of `state.tls` cannot be used.
    """
    if parse_address(settings.url).kind == "memory":
        return None
    return RedisLedger(settings, clock, metrics, most_lines)


def _wanted(where: Where | None) -> bytes:
    """Write which entries count, for `ledger_seed.lua`."""
    if where is None:
        return b""
    told = [[FIELDS[name], value] for name, value in where.items()]
    return msgspec.msgpack.encode([each[:1] if each[1] is None else each for each in told])


def _entry(total: bytes) -> Entry:
    return msgspec.msgpack.decode(total, type=Entry)
