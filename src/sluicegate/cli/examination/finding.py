"""One thing that `sluicegate doctor` has looked at."""

from __future__ import annotations

from typing import Literal, NamedTuple

SKEW_WARNED_S = 1.0
"""NTP keeps machines within a tenth of it."""


class Finding(NamedTuple):
    """What was looked at, how it is, and what was seen. A fault is what will not work."""

    what: str
    outcome: Literal["ok", "warning", "fault"]
    seen: str


def skew(what: str, theirs_us: int, asked_us: int, answered_us: int, most_s: float) -> Finding:
    """Compare a server's clock with ours; `most_s` is from where on things do not work.

    `asked_us` and `answered_us` are ours: it has looked in between, however long that took.
    """
    ours_us = max(asked_us, min(theirs_us, answered_us))
    ahead_s = (theirs_us - ours_us) / 1e6
    said = f"its clock is {abs(ahead_s):.1f} s {'ahead of' if ahead_s > 0 else 'behind'} ours"
    if abs(ahead_s) >= most_s:
        return Finding(what, "fault", said)
    if abs(ahead_s) >= SKEW_WARNED_S:
        return Finding(what, "warning", said)
    return Finding(what, "ok", "its clock is ours, within a second")
