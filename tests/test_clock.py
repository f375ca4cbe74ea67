"""The machine's clock."""

from __future__ import annotations

import asyncio
import time

from sluicegate.clock import Clock


def test_monotonic_never_goes_back() -> None:
    clock = Clock()
    seen = [clock.monotonic() for _ in range(1000)]
    assert seen == sorted(seen)


def test_wall_time_is_in_integer_microseconds_since_1970() -> None:
    before = time.time_ns() // 1000
    now = Clock().wall_us()
    assert isinstance(now, int)
    assert before <= now <= time.time_ns() // 1000


def test_a_call_comes_after_its_delay_and_not_when_cancelled() -> None:
    async def work() -> list[str]:
        clock, called = Clock(), list[str]()
        clock.after(0.002, lambda: called.append("later"))
        clock.after(0, lambda: called.append("soon"))
        clock.after(0.001, lambda: called.append("never")).cancel()
        await clock.sleep(0.01)
        return called

    assert asyncio.run(work()) == ["soon", "later"]
