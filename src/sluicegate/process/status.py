"""What a replica knows about itself: the details of `/actuator/health`."""

from __future__ import annotations

from typing import Literal

import msgspec

from sluicegate.errors import Fault

Phase = Literal["gone", "starting", "ready", "silent", "draining"]


class WorkerStatus(msgspec.Struct, frozen=True):
    """One worker slot. `revision` is the configuration it serves, None before its first."""

    slot: int
    phase: Phase
    pid: int | None
    revision: str | None
    in_flight: int
    restarts: int


class ReloadStatus(msgspec.Struct, frozen=True):
    """The last reload. `at_us` is UTC, microseconds since 1970; faults only of a failed one."""

    outcome: Literal["none", "success", "failure"] = "none"
    at_us: int = 0
    faults: list[Fault] = []


class Status(msgspec.Struct, frozen=True):
    """A replica. `revision` is the configuration that was accepted last."""

    live: bool
    ready: bool
    draining: bool
    revision: str | None
    workers: list[WorkerStatus]
    reload: ReloadStatus


def is_live(workers: list[WorkerStatus]) -> bool:
    """Say whether a replica lives: one worker, at least, is heard."""
    return any(worker.phase in {"starting", "ready", "draining"} for worker in workers)


def is_ready(workers: list[WorkerStatus], *, draining: bool) -> bool:
    """Say whether a replica is ready: half of its workers, at least, and none draining."""
    if draining or any(worker.phase == "draining" for worker in workers):
        return False
    return 2 * sum(worker.phase == "ready" for worker in workers) >= len(workers) > 0
