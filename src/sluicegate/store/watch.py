"""Following arrivals: by push where the server tells of them, and by poll in any case."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Literal

import structlog

from sluicegate.errors import StoreAway
from sluicegate.store.contract import Arrivals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.store.contract import Revision, Store

PAGE: Final = 1000
STEP_BACK: Final = PAGE // 2
"""How many arrivals are read once more after a loss: a server that takes the place of another may
have given the last numbers to others."""
AWAY_S: Final = 1.0
"""Between attempts while the store is away, which cost nothing: it is known to be."""
LISTEN_S: Final = 0.25
MOST_LISTEN_S: Final = 5.0
"""Between attempts at listening: doubled from the one to the other while they fail."""

News = Literal["push", "poll"]


class Watch:
    """Reads what arrives, in order, and hands it on; from `start` to `close`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        poll_s: float,
        on_arrivals: Callable[[Arrivals], Awaitable[None]],
    ) -> None:
        """`on_arrivals` gets each page once it has returned from the one before.

        Where it raises, the same page comes again. A `last` that is smaller than the one before
        means another database, or one that has lost something: whoever gets it reads everything
        anew.
        """
        self._store = store
        self._clock = clock
        self._poll_s = poll_s
        self._on_arrivals = on_arrivals
        self._last = 0
        self._seen: dict[int, str] = {}
        self._is_doubtful = self._was_lost = False
        self._by: News = "poll"
        self._woken = asyncio.Event()
        self._lost = asyncio.Event()
        self._looked = asyncio.Event()
        self._begun = self._done = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._failing = False
        self._arrival = metrics.family(
            "sluicegate_store_arrival",
            "gauge",
            "Number of the last arrival that this replica has read from the store.",
            merge="max",
        ).cell()
        news = metrics.family(
            "sluicegate_store_news_total",
            "counter",
            "Times that something new was read, by what told of it: `push` or `poll`.",
            ("by",),
        )
        self._news = {"push": news.cell("push"), "poll": news.cell("poll")}

    @property
    def last(self) -> int:
        """The last arrival that was handed on."""
        return self._last

    def start(self, after: int) -> None:
        """Follow from there on, in the background. Needs a running loop."""
        self._last = after
        self._arrival.value = float(after)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._follow()), loop.create_task(self._listen())]

    def hurry(self) -> None:
        """Look now: something else has told of an arrival. Never waits, and costs little."""
        self._by = "push"
        self._woken.set()

    async def caught_up(self) -> None:
        """Return once all was handed on that was there when this was called, or on StoreAway."""
        wanted = self._begun + 1  # one that has begun already may have seen less
        self.hurry()
        while self._tasks and self._done < wanted:
            await self._looked.wait()

    async def close(self) -> None:
        """Follow no longer."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
        self._looked.set()

    async def _follow(self) -> None:
        while True:
            pause_s = self._poll_s
            by, self._by = self._by, "poll"
            self._woken.clear()
            self._begun += 1
            try:
                await self._read_all(by)
                self._failing = False
            except StoreAway:
                self._is_doubtful = True
                pause_s = min(pause_s, AWAY_S)
            except Exception:  # noqa: BLE001 - one bad page must not end the watch
                if not self._failing:  # it will be tried again, and once is enough to say so
                    structlog.get_logger().exception("store_arrivals_failed", after=self._last)
                self._failing = True
            self._tell_done()
            timer = self._clock.after(pause_s, self._woken.set)
            await self._woken.wait()
            timer.cancel()

    def _tell_done(self) -> None:
        self._done = self._begun
        self._looked.set()
        self._looked = asyncio.Event()

    async def _read_all(self, by: News) -> None:
        while True:
            after = max(0, self._last - STEP_BACK) if self._is_doubtful else self._last
            found = await self._store.arrivals(after, PAGE)
            new = [one for one in found.revisions if self._seen.get(one.arrival) != one.id]
            if new or found.last != self._last:
                await self._on_arrivals(Arrivals(new, found.last))
                self._news[by].value += 1
            if found.last < self._last:
                self._seen.clear()
            self._last = found.last
            self._arrival.value = float(found.last)
            self._is_doubtful = False
            self._remember(found.revisions)
            if found.last <= after:  # a page may be short of what was swept
                return

    def _remember(self, revisions: Sequence[Revision]) -> None:
        self._seen.update((one.arrival, one.id) for one in revisions[-STEP_BACK:])
        for arrival in list(self._seen)[:-STEP_BACK]:
            del self._seen[arrival]

    async def _listen(self) -> None:
        pause_s = LISTEN_S
        while True:
            self._lost.clear()
            try:
                end = await self._store.listen(self.hurry, self._lost.set)
            except Exception as error:  # noqa: BLE001 - without it there is still the poll
                if not isinstance(error, StoreAway):
                    structlog.get_logger().exception("store_listen_failed")
                await self._clock.sleep(pause_s)
                pause_s = min(MOST_LISTEN_S, pause_s * 2)
                continue
            pause_s = LISTEN_S
            self._is_doubtful = self._is_doubtful or self._was_lost
            self._was_lost = True
            self.hurry()  # what came before we listened has told nobody
            try:
                await self._lost.wait()
            finally:
                end()
            await self._clock.sleep(LISTEN_S)
