"""What limits ask of the state, whatever keeps it.

A request is under several limits at once and takes from all of them, or from none: a refused
request charges nothing anywhere. Every number is an integer: microseconds, and units of the limit.

Limits of one place that count the same subject are a `Group` and are kept under one key. An `Ask`
is one request's wish of one group. What a request has to give back (a reserved cost, a slot) it
takes under a `ticket`, a text that no other request uses; giving back twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

NEVER: Final = -1
"""`retry_after_us` of a cost that is more than the limit ever holds."""
UNKNOWN: Final = -2
"""`retry_after_us` of a budget whose counts are not there: they have to be brought first."""
EXACT: Final = 2**52
"""Whole numbers up to here are exact in a double as well, which Lua counts in."""
LEDGER: Final = "ledger"
"""The hash tag of budgets and of the ledger's lines, which are all kept by one server."""

MOST_LINES: Final = 1_000_000
"""Lines of the ledger that wait, unless told otherwise: as `ledger.waiting`."""

Counts = tuple[int | str, ...]
"""What an algorithm keeps per subject. None stands for a subject that was not seen lately."""


class Outcome:
    """What one limit says to one request.

    `limit` is the most that can be had at an instant, `remaining` what is left of it now, rounded
    down, never below 0. `reset_us` is the time until the limit is as if never used,
    `retry_after_us` the time until this cost can be had (0 when it was, `NEVER` when it never can);
    both rounded up. Admitted with a `retry_after_us` above 0: go on after that time, not before.
    """

    __slots__ = ("admitted", "limit", "remaining", "reset_us", "retry_after_us")

    def __init__(
        self,
        admitted: bool,  # noqa: FBT001 - made for each request, and by position
        limit: int,
        remaining: int,
        reset_us: int,
        retry_after_us: int,
    ) -> None:
        """Keep the numbers."""
        self.admitted = admitted
        self.limit = limit
        self.remaining = remaining
        self.reset_us = reset_us
        self.retry_after_us = retry_after_us


class Algorithm(Protocol):
    """One way to count, with its numbers. Immutable: what changes is in the state."""

    @property
    def code(self) -> str:
        """The name of its Lua form, a file of `state/scripts/algorithms/`."""

    @property
    def limit(self) -> int:
        """The most that can be had at an instant."""

    @property
    def numbers(self) -> tuple[int | str, ...]:
        """What its Lua form is told, in that order."""

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then.

        Pure. Refused, the counts are as before. A time before one seen already counts as that one.
        """

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:
        """Charge `change` more for what was taken at `taken_us`, or give back where below 0.

        Pure; never refuses. What would be given back too late to be exact is kept instead.
        """

    def share(self, workers: int, place: int) -> Algorithm | None:
        """Return the part of the limit that worker number `place` (from 0) of `workers` may admit.

        The parts of all workers add up to the limit (windows) or to its rate; None admits nothing.
        """


class Limit:
    """One limit of a group.

    `label` tells it from the others of its group and says nothing of its numbers, so that counts
    outlive a change of these: `fixed-60`, `bucket-1`.
    """

    __slots__ = ("algorithm", "label")

    def __init__(self, label: str, algorithm: Algorithm) -> None:
        """Keep the limit."""
        self.label = label
        self.algorithm = algorithm


class Group:
    """Limits of one place that count the same subject, in the same unit. Made at load.

    `place` names it in keys; groups with the same place share counts. `settles`: costs are known
    only afterwards. `shadow`: it is taken from where it fits, and refuses nobody. `slots`: its one
    limit counts what is under way, by tickets. `spends`: its limits are a budget (`Spending`), in
    nano-USD; all of these are kept by one server.
    """

    __slots__ = ("limits", "place", "settles", "shadow", "slots", "spends")

    def __init__(
        self,
        place: str,
        limits: Sequence[Limit],
        *,
        settles: bool = False,
        shadow: bool = False,
    ) -> None:
        """Keep the group."""
        self.place = place
        self.limits = tuple(limits)
        self.settles = settles
        self.shadow = shadow
        self.slots = self.limits[0].algorithm.code == "slots"
        self.spends = self.limits[0].algorithm.code == "spending"


class Ask:
    """One request's wish: `cost` units of every limit of `group`, counted for `subject`."""

    __slots__ = ("cost", "group", "subject")

    def __init__(self, group: Group, subject: str, cost: int = 1) -> None:
        """Keep the wish."""
        self.group = group
        self.subject = subject
        self.cost = cost


class Verdict:
    """The answer: whether everything was taken (else nothing was), and what each limit says.

    `outcomes` are in the order of the asks, and within an ask in that of its limits. Where another
    limit refused, one that would have admitted says what is left without the request. Shadow groups
    have no say in `admitted`; their outcomes tell.
    """

    __slots__ = ("admitted", "outcomes")

    def __init__(self, admitted: bool, outcomes: list[Outcome]) -> None:  # noqa: FBT001 - as above
        """Keep the answer."""
        self.admitted = admitted
        self.outcomes = outcomes


class Block:
    """Units of one limit that were lent to a worker, to be spent without asking.

    `granted` may be 0. `ends_us` is the time from the decision until it must not be spent any more.
    `lent` is what all workers together have been lent and not given back, this block included.
    `outcome` is what the limit says after it.
    """

    __slots__ = ("ends_us", "granted", "lent", "outcome")

    def __init__(self, granted: int, ends_us: int, lent: int, outcome: Outcome) -> None:
        """Keep the numbers."""
        self.granted = granted
        self.ends_us = ends_us
        self.lent = lent
        self.outcome = outcome


class Crew:
    """Who else counts in the same state: `workers` were alive lately, of which we are `place`."""

    __slots__ = ("place", "workers")

    def __init__(self, workers: int, place: int) -> None:
        """`place` counts from 0 in an order that all workers see alike."""
        self.workers = workers
        self.place = place


class LimitState(Protocol):
    """Where limits are counted. Everything raises StateAway when it cannot be asked in time."""

    @property
    def several(self) -> bool:
        """Whether groups of one take may lie on several nodes, so that takes are given back."""

    async def take(
        self, asks: Sequence[Ask], ticket: str = "", entry: bytes = b"", life_ms: int = 0
    ) -> Verdict:
        """Take everything, or nothing.

        `ticket` is needed where a group `settles`, `spends` or has `slots`; a state that parts
        groups over several nodes needs it too, and makes one where it is empty. Where a group
        `spends`, `entry` is the line of the ledger that is written should the ticket neither be
        settled nor refreshed for `life_ms`. An outcome with `UNKNOWN` refuses, and says that the
        counts of that budget are not there.
        """

    async def settle(
        self, asks: Sequence[Ask], ticket: str, costs: Sequence[int], entry: bytes = b"",
        cost: int | None = None,
    ) -> None:  # fmt: skip
        """Say what the taken asks cost in the end (one for each ask), and free their slots.

        The asks are those of the take. Does nothing for a ticket that took nothing or is settled.
        With `entry`, that line is written in the same step, `cost` nano-USD of it (None: nobody
        knows), once for a ticket; where the state has lost the ticket (a failover), the line is
        written nevertheless and budgets whose counts are there are charged. May be repeated.
        """

    async def append(self, lines: Sequence[tuple[int | None, bytes]]) -> None:
        """Write lines of the ledger that no budget is charged with: cost (nano-USD), entry."""

    async def refresh(self, held: Sequence[tuple[Ask, str]]) -> None:
        """Keep slots and reservations of budgets, by their tickets, from expiring."""

    async def lend(self, ask: Ask, wants: Sequence[int], block: str) -> list[Block]:
        """Lend up to `wants` units of each limit of a group whose algorithms are `Leased`.

        `block` is the ticket to give back under.
        """

    async def give_back(self, ask: Ask, block: str, unspent: Sequence[int]) -> None:
        """Give back what is left of a block. Too late, or a second time, it changes nothing."""

    async def present(self, worker: str) -> Crew:
        """Say that `worker` is alive, and learn who is. Asked every second."""

    async def mark(self, lives_ms: Mapping[str, int]) -> None:
        """Leave marks for all who use the state: by name, how many milliseconds each lives.

        A mark that is there and lives longer stays as it is.
        """

    async def marks(self, names: Sequence[str]) -> list[int]:
        """Return for how many more milliseconds each mark lives, 0 for those that are not there."""

    def close(self) -> None:
        """Let go of timers and connections."""
