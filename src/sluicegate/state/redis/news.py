"""News by a stream: whoever follows it waits in a blocking read, on a connection of its own.

Not by publish/subscribe: a stream needs no rights but those that limits need, reaches readers
through every kind of deployment by the slot of its key, and what was appended while a connection
was being replaced is still there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.caller import Caller
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.open import open_nodes
from sluicegate.state.redis.resp import command
from sluicegate.state.redis.scripts import script

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.settings import State
    from sluicegate.state.redis.connection import Connection

NEWS: Final = b"news"
"""The hash tag of the stream's key."""
BLOCK_S: Final = 2.0
"""How long one read waits. A server that answers nothing is noticed `SLACK_S` after that."""
SLACK_S: Final = 1.0
"""Or `state.timeout` where that is longer."""
PAUSE_S: Final = 0.25
"""After a read that failed, as between probes of a server that is away."""
REFUSED_S: Final = 5.0
"""After a read that a server which answers does not want to do, as without the right to."""
MOST_AT_ONCE: Final = 100
NAME: Final = "sluicegate-news"


class News:
    """Follows the stream from `start` to `close`, while somebody is subscribed."""

    def __init__(self, settings: State, clock: Clock, key: bytes) -> None:
        """Take `state` settings and the stream's key; nothing is connected yet."""
        hidden = Metrics()  # what is said of the state is said by those who count in it
        watch = Watch(hidden)
        counts = CallCounts(clock, hidden, watch)
        within_s = BLOCK_S + max(SLACK_S, settings.timeout)
        patient = msgspec.structs.replace(settings, timeout=Duration(within_s))
        self._nodes = open_nodes(patient, clock, watch, counts, NAME)
        self._caller = Caller(self._nodes, counts)
        self._clock = clock
        self._key = key
        self._script = script("publish")  # never called here; what a Caller asks for
        self._readers: dict[object, tuple[bytes, Callable[[bytes], None]]] = {}
        self._started = False
        self._task: asyncio.Task[None] | None = None
        self._connection: Connection | None = None
        self._last = b"0-0"

    async def start(self) -> None:
        """Follow from now on. Never waits for a server."""
        self._started = True
        self._begin()

    def close(self) -> None:
        """Let go of timers and connections."""
        self._started = False
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._nodes.close()

    def subscribe(self, topic: str, on_text: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `on_text` with what is appended for a topic; returns a function that ends it."""
        mark = object()
        self._readers[mark] = (topic.encode(), on_text)
        self._begin()

        def end() -> None:
            self._readers.pop(mark, None)

        return end

    def _begin(self) -> None:
        if self._started and self._readers and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        await self._nodes.start()
        while True:
            try:
                await self._read()
            except StateAway:
                await self._clock.sleep(REFUSED_S if self._answers() else PAUSE_S)
            except Exception:  # noqa: BLE001 - without further reads there would be no news
                structlog.get_logger().exception("state_news_failed")
                await self._clock.sleep(PAUSE_S)

    def _answers(self) -> bool:
        """Whether the server can be asked, so that what failed was refused."""
        try:
            self._nodes.node_for(NEWS)
        except StateAway:
            return False
        return True

    async def _read(self) -> None:
        connection = self._nodes.node_for(NEWS)
        if connection is not self._connection:
            # Another server may be behind others, and have lost what we have read.
            newest = await self._ask(command("XREVRANGE", self._key, "+", "-", "COUNT", 1))
            self._last = newest[0][0] if newest else b"0-0"
            self._connection = connection
            self._tell(None, b"")
        reply = await self._ask(
            command(
                "XREAD", "COUNT", MOST_AT_ONCE, "BLOCK", int(BLOCK_S * 1000),
                "STREAMS", self._key, self._last,
            )
        )  # fmt: skip
        for _, entries in reply or ():
            for entry, fields in entries:
                self._last = entry
                self._tell(fields[0], fields[1])

    async def _ask(self, written: bytes) -> Any:  # noqa: ANN401 - what the server replies
        return await self._caller.call(NEWS, written, self._script)

    def _tell(self, topic: bytes | None, text: bytes) -> None:
        """Call those who are subscribed to a topic; None is every topic."""
        for wanted, on_text in list(self._readers.values()):
            if topic is None or topic == wanted:
                try:
                    on_text(text)
                except Exception:  # noqa: BLE001 - others are to be told as well
                    structlog.get_logger().exception("state_news_failed")
