"""Limits that are spent from blocks: the state lends ahead of need, most requests ask nobody.

A subject that is often seen has a parcel (a block of every limit of its group), and a spare is
asked for when half of it is spent, so that far from a limit nobody waits. A parcel ends before its
blocks do, on this process's monotonic clock and counted from before the call; what is left of it is
given back. Parcels are as large as the subject's demand, and smaller the less is left or may be
lent. Where that leaves less than two units, or the subject is seldom seen, nothing is borrowed: the
request takes from the state as in mode `exact`, together with its other limits.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from sluicegate.errors import StateAway
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.state.contract import Algorithm, Ask, Block, Group, Outcome

if TYPE_CHECKING:
    from sluicegate.clock import Timer
    from sluicegate.policy import Parts

KEPT: Final = 0.9
"""The part of a block's life in which it is spent; the rest is for the way back."""
FEW: Final = 2
"""Fewer units than this are not worth a block: it costs two calls."""
HOT: Final = 16
"""A life's demand over this is borrowed even near the limit: it is spent at once."""
PATIENCE: Final = 4
"""A refusal is believed for a life over this at most: others may give back meanwhile."""
TICK_S: Final = 0.01
MOST_SUBJECTS: Final = 50_000


class Parcel:
    """A block of each limit, lent in one call. `left` can still be spent, of every limit."""

    __slots__ = ("block", "granted", "heard", "left", "low", "outcomes", "size", "stops", "subject")

    def __init__(self, subject: str, block: str, blocks: Sequence[Block], heard: float) -> None:
        """Take what was lent; `heard` is when the answer came, in monotonic seconds."""
        self.subject = subject
        self.block = block
        self.granted = [each.granted for each in blocks]
        self.outcomes = [each.outcome for each in blocks]
        self.heard = heard
        self.size = min(self.granted)
        self.left = self.size
        self.low = self.size // 2
        self.stops = heard

    def unspent(self) -> list[int]:
        """Return what is left of each limit, to be given back."""
        spent = self.size - self.left
        return [granted - spent for granted in self.granted]

    def told(self, now: float) -> list[Outcome]:
        """Say what each limit says to the request that spent last."""
        gone_us = int((now - self.heard) * 1e6)
        left = self.left
        return [
            Outcome(True, said.limit, said.remaining + left, max(0, said.reset_us - gone_us), 0)
            for said in self.outcomes
        ]


class Spent:
    """What a request was told without asking: `outcomes`, one for each limit of the group.

    All of them admitted, and one unit of each is spent; or else nothing is.
    """

    __slots__ = ("_parcel", "outcomes")

    def __init__(self, outcomes: list[Outcome], parcel: Parcel | None) -> None:
        """`parcel` is what was spent from, None where something refused."""
        self.outcomes = outcomes
        self._parcel = parcel

    @property
    def admitted(self) -> bool:
        """Whether every limit admits."""
        return self._parcel is not None

    def put_back(self) -> None:
        """Return it: another limit refused the request. Once; too late, it is lost."""
        parcel = self._parcel
        if parcel is not None and parcel.block:
            parcel.left += 1


class Lease:
    """What is known of one subject: its parcels, its demand, and what the state said last."""

    __slots__ = (
        "asking", "before", "lent", "lent_at", "parcel", "refusal", "refused_until", "remaining",
        "seen", "since", "spare", "subject",
    )  # fmt: skip

    def __init__(self, subject: str, now: float) -> None:
        """Nothing is known yet."""
        self.subject = subject
        self.parcel: Parcel | None = None
        self.spare: Parcel | None = None
        self.asking: asyncio.Task[StateAway | None] | None = None
        self.seen = 0
        self.before = 0
        self.since = now
        self.remaining: list[int] = []
        self.lent: list[int] = []
        self.lent_at = now
        self.refusal: list[Outcome] = []
        self.refused_until = 0.0

    def count(self, now: float, life_s: float) -> None:
        """Count a request."""
        if now - self.since >= life_s:
            self.before = self.seen if now - self.since < 2 * life_s else 0
            self.seen = 0
            self.since = now
        self.seen += 1

    @property
    def demand(self) -> int:
        """Requests in a life, lately."""
        return max(self.before, self.seen)


class Leases:
    """The blocks of one group, all subjects. The group's algorithms are `Leased`."""

    __slots__ = (
        "_caps", "_clock", "_due", "_group", "_life_s", "_made", "_old", "_state", "_tasks",
        "_ticket", "_timer", "_timer_due", "_turned", "_view", "_young",
    )  # fmt: skip

    def __init__(self, group: Group, parts: Parts, life_s: float = 1.0) -> None:
        """Borrow nothing yet. `life_s` is how long the state lends."""
        self._group = group
        self._state = parts.state
        self._clock = parts.clock
        self._view = parts.away.view
        self._ticket = parts.ticket
        self._life_s = life_s
        self._caps: list[int] = [_cap(limit.algorithm) for limit in group.limits]
        self._young: dict[str, Lease] = {}
        self._old: dict[str, Lease] = {}
        self._turned = parts.clock.monotonic()
        self._due: list[tuple[float, int, Parcel]] = []
        self._made = 0
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()

    def spend(self, subject: str) -> Spent | None:
        """Spend one unit of each limit, or say that it is refused; None: `refill` has to ask."""
        now = self._clock.monotonic()
        lease = self._young.get(subject)
        if lease is None:
            lease = self._find(subject, now)
        lease.count(now, self._life_s)
        return self._spend(lease, now)

    async def refill(self, subject: str) -> Spent | None:
        """Borrow, and spend. Raises StateAway.

        None: nothing is to be borrowed. Take 1 from the state, together with whatever else the
        request takes, and tell `heard`.
        """
        lease = self._find(subject, self._clock.monotonic())
        asking = lease.asking
        if asking is None:
            wanted = self._wanted(lease, self._clock.monotonic())
            if wanted < FEW:
                return None
            asking = self._ask(lease, wanted)
        away = await asyncio.shield(asking)
        if away is not None:
            raise StateAway("nothing could be borrowed") from away
        return self._spend(lease, self._clock.monotonic())

    def heard(self, subject: str, outcomes: Sequence[Outcome]) -> None:
        """Take notice of what the state said when it was asked for 1, after `refill` gave None."""
        now = self._clock.monotonic()
        lease = self._find(subject, now)
        lease.remaining = [outcome.remaining for outcome in outcomes]
        if not all(outcome.admitted for outcome in outcomes):
            self._refuse(lease, list(outcomes), now)

    def held(self) -> int:
        """Return the units that are lent to us and not spent, of each limit and all subjects."""
        return sum(parcel.left for _, _, parcel in self._due)

    # --- spending ----------

    def _spend(self, lease: Lease, now: float) -> Spent | None:
        parcel = lease.parcel
        if parcel is None or parcel.left == 0 or now >= parcel.stops:
            parcel = self._turn(lease, now)
            if parcel is None:
                return Spent(lease.refusal, None) if now < lease.refused_until else None
        parcel.left -= 1
        if parcel.left <= parcel.low:
            parcel.low = -1  # once
            self._ask_ahead(lease, now)
        return Spent(parcel.told(now), parcel)

    def _turn(self, lease: Lease, now: float) -> Parcel | None:
        """Go over to the spare. What is merely spent stays, so that it can be put back."""
        spare = lease.spare
        if spare is None:
            return None
        lease.spare = None
        if now >= spare.stops:
            return None
        if lease.parcel is not None:
            self._give_back(lease.parcel)
        lease.parcel = spare
        return spare

    def _find(self, subject: str, now: float) -> Lease:
        """Return what is known of a subject; forget those that were not seen for two lives."""
        lease = self._young.get(subject)
        if lease is not None:
            return lease
        if len(self._young) >= MOST_SUBJECTS:
            self._forget(now)
        lease = self._old.pop(subject, None)
        if lease is None:
            lease = Lease(subject, now)
        self._young[subject] = lease
        self._arm(2 * self._life_s)
        return lease

    def _forget(self, now: float) -> None:
        self._old = self._young
        self._young = {}
        self._turned = now

    # --- borrowing ----------

    def _wanted(self, lease: Lease, now: float) -> int:
        """Return how many units to borrow, of each limit."""
        demand = lease.demand
        if demand < FEW or not lease.remaining:
            return 0
        workers = self._view.crew.workers
        fresh = now - lease.lent_at < self._life_s
        wanted = demand
        for index, cap in enumerate(self._caps):
            free = cap - lease.lent[index] if fresh and lease.lent else cap
            # Half of what may still be lent, and never less than our part: a spare comes to it.
            room = max(cap // (2 * workers), free // 2)
            fair = max(lease.remaining[index] // workers, demand // HOT)
            wanted = min(wanted, room, fair)
        return wanted

    def _ask_ahead(self, lease: Lease, now: float) -> None:
        if lease.asking is None and lease.spare is None:
            wanted = self._wanted(lease, now)
            if wanted >= FEW:
                self._ask(lease, wanted)

    def _ask(self, lease: Lease, wanted: int) -> asyncio.Task[StateAway | None]:
        if lease.parcel is not None and lease.parcel.left == 0:
            self._give_back(lease.parcel)  # first, so that it does not count as lent
        asking = self._run(self._borrow(lease, wanted))
        lease.asking = asking
        return asking

    async def _borrow(self, lease: Lease, wanted: int) -> StateAway | None:
        """Ask the state; one call at a time for each subject. What is raised is returned."""
        asked = self._clock.monotonic()
        block = self._ticket()
        ask = Ask(self._group, lease.subject)
        try:
            blocks = await self._state.lend(ask, [wanted] * len(self._caps), block)
        except StateAway as away:
            return away
        finally:
            lease.asking = None
        now = self._clock.monotonic()
        parcel = Parcel(lease.subject, block, blocks, now)
        lease.remaining = [each.outcome.remaining for each in blocks]
        lease.lent = [each.lent for each in blocks]
        lease.lent_at = now
        if parcel.left == 0:
            self._give_back(parcel)
            if any(_used_up(each) for each in blocks):
                self._refuse(lease, [_said(each) for each in blocks], now)
            return None
        parcel.stops = asked + min(each.ends_us for each in blocks) * KEPT / 1e6
        self._made += 1
        heapq.heappush(self._due, (parcel.stops, self._made, parcel))
        self._arm(parcel.stops - now)
        self._attach(lease, parcel, now)
        return None

    def _attach(self, lease: Lease, parcel: Parcel, now: float) -> None:
        current = lease.parcel
        if current is not None and current.left > 0 and now < current.stops:
            lease.spare = parcel
            return
        if current is not None:
            self._give_back(current)
        lease.parcel = parcel

    def _refuse(self, lease: Lease, outcomes: list[Outcome], now: float) -> None:
        """Believe a refusal for as long as it says, and not too long."""
        patience_us = int(self._life_s * 1e6) // PATIENCE
        waits = [said.retry_after_us for said in outcomes if not said.admitted]
        wait_us = max(waits)
        lease.refusal = outcomes
        lease.refused_until = now + min(wait_us if wait_us > 0 else patience_us, patience_us) / 1e6

    # --- giving back ----------

    def _give_back(self, parcel: Parcel) -> None:
        """Give back what is left of a parcel, once; nothing of it is spent afterwards."""
        block, parcel.block = parcel.block, ""
        if not block:
            return
        unspent = parcel.unspent()
        parcel.left = 0
        if any(parcel.granted):
            self._run(self._return(Ask(self._group, parcel.subject), block, unspent))

    async def _return(self, ask: Ask, block: str, unspent: list[int]) -> StateAway | None:
        try:
            await self._state.give_back(ask, block, unspent)
        except StateAway as away:
            return away  # what is left is lost, as if it had been spent
        return None

    def _run(self, work: Coroutine[Any, Any, StateAway | None]) -> asyncio.Task[StateAway | None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- time ----------

    def _arm(self, delay_s: float) -> None:
        """See to it that `_tick` comes, at the latest after `delay_s`."""
        due = self._clock.monotonic() + delay_s
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._clock.after(max(delay_s, TICK_S), self._tick)

    def _tick(self) -> None:
        """Give back what ends, forget who is gone; come again while anything is kept."""
        self._timer = None
        now = self._clock.monotonic()
        due = self._due
        while due and due[0][0] <= now:
            self._give_back(heapq.heappop(due)[2])
        if now - self._turned >= 2 * self._life_s:
            self._forget(now)
        if due:
            self._arm(due[0][0] - now)
        elif self._young or self._old:
            self._arm(2 * self._life_s)


def _used_up(block: Block) -> bool:
    """Say whether nothing was lent because nothing is left; else as much as may be is lent."""
    return not block.granted and not block.outcome.remaining


def _said(block: Block) -> Outcome:
    """Return what a limit says to a request for which another one may be used up."""
    said = block.outcome
    wait_us = said.retry_after_us if _used_up(block) else 0
    return Outcome(not _used_up(block), said.limit, said.remaining, said.reset_us, wait_us)


def _cap(algorithm: Algorithm) -> int:
    """Return how many units of a limit may be lent to all workers together."""
    return algorithm.cap if isinstance(algorithm, Leased) else 0
