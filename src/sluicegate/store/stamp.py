"""Hybrid logical time: what orders the revisions of a name, wherever they were written.

A stamp is milliseconds since 1970 times 65536, plus a counter. A writer that has seen a revision
stamps its own later than that, even where its clock is behind; else by its clock. So what follows
from something is newer than it, and what was written apart is ordered by time (Kulkarni et al.,
"Logical Physical Clocks", 2014, with the counter in the lower 16 bits). Writers of one server take
turns per name, so two revisions of a name have one stamp only where they come from two regions.
"""

from __future__ import annotations

from typing import Final

from sluicegate.store.contract import AHEAD_S, ClockBehind

COUNTER_BITS: Final = 16


def stamp_after(newest: int, wall_us: int) -> int:
    """Return the stamp of what replaces a revision stamped `newest` (0: there was none).

    Raises ClockBehind where that one is more than AHEAD_S ahead of our clock.
    """
    if ahead_s(newest, wall_us) > AHEAD_S:
        raise ClockBehind(
            f"the newest revision was made {ahead_s(newest, wall_us):.0f} s ahead of this clock; "
            f"{AHEAD_S} s are the most: one of the clocks is wrong"
        )
    return max((wall_us // 1000) << COUNTER_BITS, newest + 1)


def ahead_s(stamp: int, wall_us: int) -> float:
    """Return how far a stamp is ahead of a clock, seconds; negative where it is behind."""
    return (stamp >> COUNTER_BITS) / 1000 - wall_us / 1_000_000
