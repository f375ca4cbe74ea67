"""A secret that ends, and is asked for again before: in a thread, never on the loop.

What asks may read files, run programs and wait for metadata servers for as long as it likes: calls
wait for it within a bound, and only while there is no secret that still holds.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from sluicegate.errors import CredentialsAway

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics

T = TypeVar("T")

WAIT_S: Final = 10.0
"""Longest that a call waits. botocore's metadata client: 1 s, once; google-auth: 3 s, thrice."""
EARLY_S: Final = 300.0
"""How long before its end a secret is renewed. google-auth: 225 s; botocore: from 900 s on."""
LOOK_S: Final = 900.0
"""How often one that has no end is asked for again: a profile's file may have changed."""
AGAIN_S: Final = 5.0
"""After a failure, nobody is asked for so long: calls fail at once."""


class Renewed(Generic[T]):
    """A secret, once it was asked for. Belongs to one loop.

    `fetch` runs in a thread of its own; it gives the secret and the time of its end in wall-clock
    µs (None: it has none), or raises anything.
    """

    def __init__(
        self,
        provider: str,
        fetch: Callable[[], tuple[T, int | None]],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """Nothing is asked for yet. `provider` is the name for metrics and logs."""
        self._provider = provider
        self._fetch = fetch
        self._clock = clock
        self._value: T | None = None
        self._ends = self._renew_at = float("-inf")
        self._quiet_until = float("-inf")
        self._asking: asyncio.Future[bool] | None = None
        self._closed = False
        self._counts = metrics.family(
            "sluicegate_provider_credentials_total",
            "counter",
            "Times that a provider's credentials were asked for: `renewed`, or `failed`.",
            ("provider", "result"),
        )

    @property
    def current(self) -> T | None:
        """The secret while it holds. One near its end is renewed meanwhile."""
        now = self._clock.monotonic()
        if now >= self._renew_at and now >= self._quiet_until and self._value is not None:
            self._ask()
        return self._value if now < self._ends else None

    async def refresh(self) -> None:
        """Wait for a secret that holds. Raises CredentialsAway, after at most 10 s."""
        if self._clock.monotonic() < self._ends:
            return
        if self._asking is None and self._clock.monotonic() < self._quiet_until:
            raise CredentialsAway("asked for just now, in vain")
        asking = self._ask()
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell(_: object = None) -> None:
            if not waiting.done():
                waiting.set_result(None)

        late = self._clock.after(WAIT_S, tell)
        asking.add_done_callback(tell)
        try:
            await waiting
        finally:
            late.cancel()
            asking.remove_done_callback(tell)
        if self._clock.monotonic() >= self._ends:
            raise CredentialsAway("none, or not in time")

    def close(self) -> None:
        """Ask no more. A thread under way ends by itself."""
        self._closed = True
        self._renew_at = float("inf")

    def _ask(self) -> asyncio.Future[bool]:
        """Begin to ask unless that is under way; the future says whether it helped."""
        if self._asking is not None:
            return self._asking
        loop = asyncio.get_running_loop()
        asking: asyncio.Future[bool] = loop.create_future()
        self._asking = asking

        def run() -> None:
            result: tuple[T, int | None] | None = None
            reason = ""
            try:
                result = self._fetch()
            except Exception as error:  # noqa: BLE001 - libraries raise what they like
                reason = type(error).__name__  # its text may quote a secret
            try:
                loop.call_soon_threadsafe(self._answered, asking, result, reason)
            except RuntimeError:
                return  # the loop is closed: nobody waits

        # A daemon of its own: one that hangs keeps neither a pool's place nor the process.
        threading.Thread(target=run, daemon=True, name=f"credentials-{self._provider}").start()
        return asking

    def _answered(
        self, asking: asyncio.Future[bool], result: tuple[T, int | None] | None, reason: str
    ) -> None:
        self._asking = None
        now = self._clock.monotonic()
        if result is None:
            self._quiet_until = now + AGAIN_S
            self._counts.cell(self._provider, "failed").value += 1
            structlog.get_logger().warning(
                "credentials_away", provider=self._provider, reason=reason
            )
        else:
            self._keep(result[0], result[1], now)
            self._counts.cell(self._provider, "renewed").value += 1
        if not asking.done():
            asking.set_result(result is not None)

    def _keep(self, value: T, ends_us: int | None, now: float) -> None:
        self._value = value
        if ends_us is None:
            self._ends, self._renew_at = float("inf"), now + LOOK_S
        else:
            left_s = (ends_us - self._clock.wall_us()) / 1_000_000
            self._ends = now + left_s
            # One that is short from the start is not asked for at every call.
            self._renew_at = now + max(left_s - EARLY_S, left_s / 2, 1.0)
        if self._closed:
            self._renew_at = float("inf")
