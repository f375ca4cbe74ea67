"""The state's side of the ledger, as management sees it: lines wait here until the store has them.

Workers write lines: with a settlement, in the same step (`LimitState.settle`), or by themselves
(`LimitState.append`). Management moves them to the store and deletes them here afterwards, so that
a line is in one of the two at every instant, and in both only while it is moved.

All of it, and all counts of budgets, lie under one hash tag, `ledger`: on a cluster they are kept
by one server, since a reservation, its settlement and its line must be one step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from sluicegate.state.contract import Group


Where = Mapping[str, str | None]
"""Fields of entries, and the values that they must have; None: there is none."""


class Line(msgspec.Struct, frozen=True, gc=False):
    r"""An entry that waits. `entry` is a `model.ledger.Entry` in msgpack.

    `id` orders lines, the oldest first. `at_us` is when its exchange was admitted by the state's
    clock, 0 where nothing was reserved; `unsettled`: the sweeper has written it.
    `budgets` are the counts that it was charged to, each `<place>\x1f<subject>`.
    """

    id: str
    at_us: int
    cost: int | None
    budgets: tuple[str, ...]
    entry: bytes
    unsettled: bool = False


class Alert(msgspec.Struct, frozen=True, gc=False):
    """A budget has been spent up to a threshold, of which there is one alert in each period.

    `percent` of `limit` nano-USD are reached by `spent`; `start_us` is when the period began.
    """

    id: str
    place: str
    subject: str
    label: str
    percent: int
    limit: int
    spent: int
    start_us: int
    at_us: int


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What waits, the oldest first. `totals` are entries (msgpack) made of what did not fit."""

    lines: list[Line]
    alerts: list[Alert]
    totals: list[bytes]


class Spent(msgspec.Struct, frozen=True, gc=False):
    """The counts of one limit of a budget: what was spent and is reserved since `start_us`."""

    place: str
    subject: str
    label: str
    start_us: int
    spent: int
    held: int


class Ledger(Protocol):
    """Everything but `start` and `close` raises StateAway when it cannot be done in time."""

    async def start(self) -> None:
        """Connect; returns once that was tried, whether it worked or not. Never raises."""

    def close(self) -> None:
        """Let go of timers and connections."""

    async def read(self, mover: str, most: int) -> Batch | None:
        """Return up to `most` lines, to be moved by `mover`; None while another one moves.

        A mover that is not heard of for 5 s has ended. Until `moved`, `seed` waits. Totals of what
        did not fit come in the batch that has emptied the lines.
        """

    async def moved(self, mover: str, batch: Batch) -> None:
        """Delete what was read, now that the store has it. False claims change nothing."""

    async def waiting(self) -> tuple[int, int]:
        """Return how many lines wait, and how many exchanges were only added up since ever."""

    async def version(self) -> int:
        """Return a number that is another one after each move, for `seed`."""

    async def seed(
        self, group: Group, subject: str, spent: Sequence[int], starts_us: Sequence[int],
        version: int, where: Where | None = None,
    ) -> bool:  # fmt: skip
        """Begin the counts of a budget: of each limit what the store has of its period.

        What waits here and what is reserved is added: lines that name the budget, and entries that
        agree with `where` though they do not, being older than it. False where that cannot be
        exact: lines were moved since `version` or are being moved, or another period has begun.
        Where there are counts already they stay, and it is True.
        """

    async def put(
        self, group: Group, subject: str, spent: Sequence[int], starts_us: Sequence[int],
        version: int, where: Where | None = None,
    ) -> bool:  # fmt: skip
        """Do as `seed`, whatever counts there are: repair them."""

    async def sweep(self, most: int) -> int:
        """Charge up to `most` reservations that nobody keeps any more; returns how many.

        Each gets the line that its take has left, `unsettled`, with the cost that was reserved.
        """

    async def counts(self) -> list[Spent]:
        """Return the counts of all budgets."""

    async def forget(self, places: Collection[str]) -> None:
        """Drop the counts of all budgets at some places: whoever needs them has them brought."""

    async def pending(self) -> list[Line]:
        """Return all lines that wait, and leave them."""
