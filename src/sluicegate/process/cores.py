"""How many workers: what the operator says, else as many as there is CPU time for."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.settings import Settings

CGROUP_ROOT = Path("/sys/fs/cgroup")
CGROUP_OF_SELF = Path("/proc/self/cgroup")


def worker_count(settings: Settings) -> int:
    """Return the number of workers, 1 or more.

    `auto` is 1 where state is in the process, since limits would count per worker otherwise.
    """
    asked = settings.gateway.workers
    if asked != "auto":
        return max(1, asked)
    if settings.state.url.startswith("memory:"):
        return 1
    return cpu_count(cpu_quota(CGROUP_ROOT, CGROUP_OF_SELF), _affinity())


def cpu_count(quota: float | None, affinity: int) -> int:
    """Round a quota (CPUs) up, never above the CPUs that this process may run on."""
    return affinity if quota is None else max(1, min(affinity, math.ceil(quota)))


def cpu_quota(root: Path, of_self: Path) -> float | None:
    """Return the CPU quota of this process's control group in CPUs, None when there is none.

    A quota on any group above binds as well, so the smallest on the way up counts. Paths are those
    of the host or of the container; where they do not exist below `root`, `root` is the group.
    See https://docs.kernel.org/admin-guide/cgroup-v2.html (`cpu.max`), and v1's sched-bwc.
    """
    try:
        lines = of_self.read_text().splitlines()
    except OSError:
        return None
    quotas = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            quotas += [_v2(folder) for folder in _upwards(root, path)]
        elif "cpu" in controllers.split(","):
            mounts = (root / controllers, root / "cpu")
            mount = next((m for m in mounts if m.is_dir()), None)
            quotas += [_v1(folder) for folder in _upwards(mount, path)] if mount else []
    return min((quota for quota in quotas if quota is not None), default=None)


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _upwards(root: Path, path: str) -> list[Path]:
    parts = [part for part in path.split("/") if part]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 else None
