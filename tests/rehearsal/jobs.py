"""When a Job starts its next pod, and when it is over.

Source: Kubernetes documentation, "Jobs", "Pod backoff failure policy": failed pods are replaced
after 10 s, 20 s, 40 s … capped at six minutes, `backoffLimit` times; then the Job has failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

BACKOFF_LIMIT = 6
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 10.0, 360.0


class Next(Enum):
    """What a Job does now."""

    WAIT = "wait"
    CREATE = "create"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True)
class Attempt:
    """A pod of the Job: its phase, restarts inside it, and when it ended (seconds, or None)."""

    phase: str
    restarts: int = 0
    ended_s: float | None = None


def following(
    spec: Mapping[str, Any],
    attempts: Sequence[Attempt],
    began_s: float,
    now_s: float,
    pace: float = 1.0,
) -> tuple[Next, str]:
    """Return what is next and, where it has failed, why. `pace` multiplies the waits."""
    if spec.get("completions", 1) != 1 or spec.get("parallelism", 1) != 1:
        raise ValueError("only Jobs of one pod are served")
    if any(attempt.phase == "Succeeded" for attempt in attempts):
        return Next.COMPLETE, ""
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and now_s - began_s >= deadline:
        return Next.FAILED, "DeadlineExceeded"
    limit = spec.get("backoffLimit", BACKOFF_LIMIT)
    failed = [attempt for attempt in attempts if attempt.phase == "Failed"]
    restarts = sum(attempt.restarts for attempt in attempts)
    if len(failed) > limit or (restarts and restarts >= limit):
        return Next.FAILED, "BackoffLimitExceeded"
    if len(failed) < len(attempts):
        return Next.WAIT, ""
    last = max((attempt.ended_s or 0.0 for attempt in failed), default=now_s)
    ready = not failed or now_s - last >= backoff_s(len(failed)) * pace
    return (Next.CREATE if ready else Next.WAIT), ""


def backoff_s(failures: int) -> float:
    """Return how long to wait after so many failures."""
    return min(FIRST_BACKOFF_S * 2 ** (failures - 1), LONGEST_BACKOFF_S)
