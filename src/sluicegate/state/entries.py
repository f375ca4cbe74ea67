"""What memory keeps for one subject of one place: the counts of its limits, and who holds slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sluicegate.state.due import Kept

if TYPE_CHECKING:
    from sluicegate.state.contract import Counts, Limit


class Entry(Kept):
    """Counts, one for each of `limits`, None where a limit was not used yet.

    Counts of limits that are no longer asked for, by label, stay as long as the entry would have.
    """

    __slots__ = ("_home", "_others", "_subject", "counts", "limits")

    def __init__(
        self, home: dict[str, Entry], subject: str, limits: Sequence[Limit], due_us: int
    ) -> None:
        """Start with no counts, in `home`."""
        super().__init__(due_us)
        self.limits = limits
        self.counts: list[Counts | None] = [None] * len(limits)
        self._others: dict[str, tuple[Counts, int]] | None = None
        self._home = home
        self._subject = subject
        home[subject] = self

    def drop(self) -> None:
        """Take it out of its home."""
        del self._home[self._subject]

    def adopt(self, limits: Sequence[Limit], now_us: int) -> None:
        """Keep counts for these limits from now on: those known by the same label go on."""
        known = self._others or {}
        for limit, counts in zip(self.limits, self.counts, strict=True):
            if counts is not None:
                known[limit.label] = (counts, self.due_us)
        own: list[Counts | None] = []
        for limit in limits:
            found = known.pop(limit.label, None)
            own.append(None if found is None else found[0])
        self._others = {label: old for label, old in known.items() if old[1] > now_us} or None
        self.limits = limits
        self.counts = own

    def keep(self, counts: Sequence[Counts | None], due_us: int) -> None:
        """Keep new counts, and until when they or older ones are needed."""
        self.counts[:] = counts
        if self._others:
            for _, others_due_us in self._others.values():
                due_us = max(due_us, others_due_us)
        self.due_us = due_us


class Holders(Kept):
    """The tickets that hold a slot, by the time at which each expires, the first one first."""

    __slots__ = ("_home", "_subject", "_tickets")

    def __init__(self, home: dict[str, Holders], subject: str, due_us: int) -> None:
        """Start with none, in `home`."""
        super().__init__(due_us)
        self._tickets: dict[str, int] = {}
        self._home = home
        self._subject = subject
        home[subject] = self

    def drop(self) -> None:
        """Take it out of its home."""
        del self._home[self._subject]

    def held(self, now_us: int) -> int:
        """Count the slots that are held, once those that have expired are free."""
        tickets = self._tickets
        while tickets:
            first = next(iter(tickets))
            if tickets[first] > now_us:
                break
            del tickets[first]
        return len(tickets)

    def holds(self, ticket: str) -> bool:
        """Say whether this ticket holds a slot."""
        return ticket in self._tickets

    def hold(self, ticket: str, expires_us: int) -> None:
        """Hold a slot until then, or hold it longer."""
        self._tickets.pop(ticket, None)
        self._tickets[ticket] = expires_us
        self.due_us = max(self.due_us, expires_us)

    def free(self, ticket: str) -> None:
        """Free a slot, where one is held."""
        self._tickets.pop(ticket, None)
