"""On the path of a replica's processes, it sets their wall clock wrong: by TRUTH_SKEW_S seconds.

Only what Python is told changes; no other process of the machine sees it. `time.monotonic` stays,
as a machine whose time is wrong has it too.
"""

from __future__ import annotations

import os
import time

SKEW_NS = int(float(os.environ.get("TRUTH_SKEW_S", "0")) * 1_000_000_000)


def install() -> None:
    """Put wrong clocks in the place of the right ones."""
    time_ns = time.time_ns
    time.time_ns = lambda: time_ns() + SKEW_NS
    time.time = lambda: (time_ns() + SKEW_NS) / 1_000_000_000


if SKEW_NS:
    install()
