"""Waiting for what happens in other processes, on a loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

LOOK_S = 0.05


async def until(
    condition: Callable[[], object | Awaitable[object]],
    what: str | Callable[[], str],
    within_s: float = 60,
) -> float:
    """Wait until a condition holds; return how long it took.

    Raises AssertionError that names `what`, asked for then where it is a function.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return loop.time() - began
        if loop.time() > began + within_s:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within_s:g} s: {said}")
        await asyncio.sleep(LOOK_S)
