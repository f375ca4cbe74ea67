"""How each process of a replica runs its loop."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

Result = TypeVar("Result")

GC_THRESHOLDS = (50_000, 20, 100)
"""Python's 700 would collect several times per millisecond of traffic and find nothing: exchanges
hold no cycles. Compiled snapshots are frozen out of collections altogether."""

SWITCH_S = 0.001
"""How long another thread (a log writer, a look at a file) may hold the loop up. Python: 5 ms."""


OPEN_FILES = 65536
"""Wanted: two descriptors an exchange. libuv drops connections in silence when there are none."""


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end on uvloop."""
    gc.set_threshold(*GC_THRESHOLDS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
