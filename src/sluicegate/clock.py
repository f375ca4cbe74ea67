"""The only reader of time. Tests pass a clock that they move by hand.

Two times exist and are never mixed: `monotonic` (seconds, float, only differences mean anything)
for deadlines and durations, and `wall_us` (integer microseconds since 1970, UTC) for windows, logs
and certificates. Integer microseconds keep limit arithmetic exact.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from mypy_extensions import mypyc_attr


class Timer(Protocol):
    """A call that was asked for and has not happened yet."""

    def cancel(self) -> None:
        """Forget the call. Harmless when it has already happened."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Clock:
    """The machine's clock."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic()

    def wall_us(self) -> int:
        """Microseconds since 1970-01-01 UTC; may be set back by an operator or NTP."""
        return time.time_ns() // 1000

    def after(self, delay_s: float, call: Callable[[], object]) -> Timer:
        """Call `call` once, on the running loop, `delay_s` seconds from now."""
        return asyncio.get_running_loop().call_later(delay_s, call)

    async def sleep(self, delay_s: float) -> None:
        """Suspend the caller for `delay_s` seconds."""
        await asyncio.sleep(delay_s)
