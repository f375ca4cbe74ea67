"""Parts of a whole number that add up to it."""

from __future__ import annotations


def portion(whole: int, workers: int, place: int) -> int:
    """Return the part of number `place` (from 0) of `workers`: the first ones have one more."""
    return whole // workers + (1 if place < whole % workers else 0)
