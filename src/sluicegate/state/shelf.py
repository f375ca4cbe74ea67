"""What replicas leave for each other in the state: values with a life, and news.

Not for limits, and never on their connections: a value may be megabytes. Values are put and fetched
in pieces that a server handles in well under a millisecond, each within a second. News wake who
waits; whoever needs to be certain also polls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sluicegate.state.redis.address import parse_address
from sluicegate.state.redis.shelf import RedisShelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import State


class Shelf(Protocol):
    """Everything but `subscribe` and `close` raises StateAway where it cannot be done in time."""

    async def start(self) -> None:
        """Connect; returns once that was tried, whether it worked or not. Never raises."""

    def close(self) -> None:
        """Let go of timers and connections."""

    async def put(self, name: str, value: bytes, version: int, life_s: int) -> bool:
        """Keep a value, of 16 MiB at most; False where what is there wins.

        That is what is newer, and what is as new and has half of `life_s` left. `version` is 0 to
        2**63 - 1. Raises ValueError for a larger value.
        """

    async def get(self, name: str) -> bytes | None:
        """Return what is kept under a name, whole; None where nothing is."""

    async def publish(self, topic: str, text: str) -> None:
        """Tell everyone who is subscribed to `topic`, also in other processes."""

    def subscribe(self, topic: str, on_text: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `on_text` with what is published, in order; returns a function that ends it.

        It is called with b"" after each connect, because news may have been missed before.
        """


def open_shelf(settings: State, clock: Clock, metrics: Metrics) -> Shelf | None:
    """Build the shelf for a `state.url`; None for `memory://`, which nobody else can see.

    Raises ConfigError where a file of `state.tls` cannot be used.
    """
    if parse_address(settings.url).kind == "memory":
        return None
    return RedisShelf(settings, clock, metrics)
