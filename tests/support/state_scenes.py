"""Scenes with what calls a Redis or Valkey beside requests, and how its calls went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from support.loops import run


class Opened(Protocol):
    """What is started and closed."""

    async def start(self) -> None:
        """Connect."""

    def close(self) -> None:
        """Let go."""


Calling = TypeVar("Calling", bound=Opened)


def patient(url: str, **settings: object) -> State:
    """Return settings of a state whose time-outs do not matter: the machine is shared."""
    given = {"timeout": Duration(10), "connect_timeout": Duration(10), **settings}
    return State(url=url, **given)  # type: ignore[arg-type]


def play(
    make: Callable[[State, Clock, Metrics], Calling],
    family: str,
    url: str,
    scene: Callable[[Calling], Awaitable[None]],
    **settings: object,
) -> dict[str, float]:
    """Run a scene with what `make` makes; return how many calls of `family` went how."""
    metrics = Metrics()

    async def body() -> None:
        opened = make(patient(url, **settings), Clock(), metrics)
        try:
            await opened.start()
            await scene(opened)
        finally:
            opened.close()

    run(body())
    return {outcome: metrics.families[family].cell(outcome).value for outcome in ("ok", "away")}
