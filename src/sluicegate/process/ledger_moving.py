"""Moving the ledger: lines wait in the state, and are taken to the store from there.

    read (a lease: one moves at a time) → alerts → book in the store → delete in the state

A line is deleted only once the store has it, and the store keeps an entry once; so whatever ends in
the middle of this loses nothing and counts nothing twice. Beside it reservations are charged that
nobody keeps any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog

from sluicegate.errors import StateAway, StoreAway
from sluicegate.model.ledger import Entry
from sluicegate.process.drain import unless

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.state.ledger import Alert, Batch, Ledger, Line

PAUSE_S: Final = 0.25
"""Between moves, where all has been moved."""
MOST: Final = 1000
"""Lines of one transaction: some 50 ms of PostgreSQL."""
SWEEP_S: Final = 1.0
HOLD_S: Final = 2.0
"""How long those who need the ledger to stand still may keep it so; less than a lease lasts."""
CLOSE_S: Final = 2.0
"""For what is under way at the end."""
DRAIN_S: Final = 6.0
"""For what waits at the end: longer than the lease of one who has died."""
DECODE: Final = msgspec.msgpack.Decoder(Entry).decode
AWAY: Final = (StateAway, StoreAway)


class Booking(Protocol):
    """Where entries are taken to: a `LedgerStore`, or the way to one."""

    async def book(self, entries: Sequence[Entry]) -> int:
        """Keep entries, all or none; returns how many came. Raises StoreAway."""


class Mover:
    """Works from `start` to `close`, on the loop that it was started on."""

    def __init__(
        self,
        ledger: Ledger,
        store: Booking | None,
        clock: Clock,
        metrics: Metrics,
        on_alert: Callable[[Alert], bool],
        *,
        name: str,
    ) -> None:
        """`name` is one that no other mover has. Without a store lines are only deleted.

        `on_alert` says whether an alert may be deleted; else it comes again.
        """
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._on_alert = on_alert
        self._name = name
        self._holders = 0
        self._stood_s = 0.0
        self._overflowed = -1  # not asked yet
        self._overflowing = False
        self._failing: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()
        self._log = structlog.get_logger()
        self._cells = _Cells(metrics)

    def start(self) -> None:
        """Begin, in the background."""
        self._stood_s = self._clock.monotonic()
        self._tasks = [
            asyncio.create_task(self._every(PAUSE_S, self.move)),
            asyncio.create_task(self._every(SWEEP_S, self.sweep)),
        ]

    async def close(self) -> None:
        """End, having moved what waits: in a process of its own nobody else would do it."""
        self._closing.set()
        if self._tasks:  # what asks the store is let end: cut, it would leave a connection behind
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._drain()
        except (*AWAY, TimeoutError):
            self._log.warning("lines of the ledger wait where they are")
        except Exception:  # noqa: BLE001 - nothing is left to break
            self._log.exception("the ledger was not moved to its end")

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Move nothing meanwhile, for `HOLD_S` at most: whoever sums up both sides needs that."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    async def move(self) -> None:
        """Move what waits, unless somebody needs it to stand still. Raises StateAway, StoreAway."""
        if self._holders and self._clock.monotonic() - self._stood_s < HOLD_S:
            return
        await self._move_all(gently=True)
        self._stood_s = self._clock.monotonic()

    async def sweep(self) -> None:
        """Charge reservations that nobody keeps, and see what waits. Raises StateAway."""
        while True:
            swept = await self._ledger.sweep(MOST)
            self._cells.swept.value += swept
            if swept < MOST:
                break
        waiting, overflowed = await self._ledger.waiting()
        if overflowed > self._overflowed >= 0 and not self._overflowing:
            self._log.warning(
                "too many lines of the ledger wait: others are only added up by the minute",
                waiting=waiting,
            )
        self._overflowing = overflowed > self._overflowed >= 0
        self._overflowed = overflowed
        self._cells.waiting.value = waiting
        self._cells.overflowed.value = overflowed

    async def _drain(self) -> None:
        """Move what waits; one who seems to move, and does not, may have died: wait for its lease.

        That matters where the state ends with this replica.
        """
        before = None
        while not await self._move_all():
            waiting, _ = await self._ledger.waiting()
            if not waiting or (before is not None and waiting < before):
                return
            before = waiting
            await self._clock.sleep(PAUSE_S)

    async def _move_all(self, *, gently: bool = False) -> bool:
        """Move until nothing waits; False where another one moves.

        `gently` lets those go first who need the lines to stand still, and the end.
        """
        while True:
            batch = await self._ledger.read(self._name, MOST)
            if batch is None or not (batch.lines or batch.alerts or batch.totals):
                self._cells.lag.value = 0.0
                return batch is not None
            await self._move(batch)
            items = len(batch.lines) + len(batch.alerts) + len(batch.totals)
            if items < MOST or (gently and (self._holders or self._closing.is_set())):
                return True

    async def _move(self, batch: Batch) -> None:
        # Alerts do not wait for a store that is away.
        told = [alert for alert in batch.alerts if self._on_alert(alert)]
        entries = [] if self._store is None else self._entries(batch)
        if entries:
            over_us = entries[0].at_us + entries[0].duration_us
            self._cells.lag.value = max(0.0, (self._clock.wall_us() - over_us) / 1e6)
        if self._store is not None and entries:
            self._cells.moved.value += await self._store.book(entries)
        await self._ledger.moved(self._name, msgspec.structs.replace(batch, alerts=told))

    def _entries(self, batch: Batch) -> list[Entry]:
        """Read lines and totals. What cannot be read is left out: it would be so for ever."""
        found: list[Entry] = []
        unread = 0
        for line in batch.lines:
            try:
                found.append(entry_of(line))
            except msgspec.MsgspecError:
                unread += 1
        for total in batch.totals:
            try:
                found.append(DECODE(total))
            except msgspec.MsgspecError:
                unread += 1
        if unread:
            self._cells.unread.value += unread
            self._log.error("lines of the ledger cannot be read, and are lost", lines=unread)
        return found

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not self._closing.is_set():
            await self._try(work)
            await unless(self._closing, self._clock.sleep(seconds))

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it; what fails is said once, until it works again."""
        name = work.__name__.strip("_")
        try:
            await work()
        except AWAY as error:
            if name not in self._failing:
                self._log.warning("the ledger waits", work=name, reason=str(error))
            self._failing.add(name)
        except Exception:  # noqa: BLE001 - the next turn may go better
            if name not in self._failing:
                self._log.exception("work on the ledger has failed", work=name)
            self._failing.add(name)
        else:
            if name in self._failing:
                self._log.info("the ledger goes on", work=name)
            self._failing.discard(name)


def entry_of(line: Line) -> Entry:
    """Return a line as the store keeps it: admitted when the state says, at the cost it knows."""
    entry = DECODE(line.entry)
    entry.cost = line.cost
    entry.at_us = line.at_us or entry.at_us
    entry.unsettled = line.unsettled
    return entry


class _Cells:
    """What is told of the ledger's way."""

    def __init__(self, metrics: Metrics) -> None:
        """Begin at nothing."""
        self.waiting = metrics.family(
            "sluicegate_ledger_waiting",
            "gauge",
            "Lines of the ledger that wait in the state until the store has them.",
            merge="max",
        ).cell()
        self.lag = metrics.family(
            "sluicegate_ledger_lag_seconds",
            "gauge",
            "Age of the oldest line when it was read to be moved; 0 where there was none to move.",
            merge="max",
        ).cell()
        self.moved = metrics.family(
            "sluicegate_ledger_moved_total",
            "counter",
            "Entries that this replica has brought to the store.",
        ).cell()
        self.swept = metrics.family(
            "sluicegate_ledger_swept_total",
            "counter",
            "Reservations that were charged because whoever made them was not heard of any more.",
        ).cell()
        self.overflowed = metrics.family(
            "sluicegate_ledger_overflowed_total",
            "counter",
            "Exchanges that were only added up by the minute: too many lines waited in the state. "
            "All replicas tell the same number.",
            merge="max",
        ).cell()
        self.unread = metrics.family(
            "sluicegate_ledger_unread_total",
            "counter",
            "Lines of the ledger that could not be read and are lost.",
        ).cell()
