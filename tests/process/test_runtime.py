from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Iterator

import pytest
import uvloop

from sluicegate.process.runtime import run


@pytest.fixture(autouse=True)
def _untuned() -> Iterator[None]:
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


async def loop_and_thresholds() -> tuple[asyncio.AbstractEventLoop, int]:
    return asyncio.get_running_loop(), gc.get_threshold()[0]


def test_processes_run_on_uvloop_and_collect_rarely() -> None:
    loop, threshold = run(loop_and_thresholds())
    assert isinstance(loop, uvloop.Loop)
    assert threshold >= 10_000
    assert sys.getswitchinterval() == pytest.approx(0.001)
