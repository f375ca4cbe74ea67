"""Names of targets to addresses, without holding anything up.

The first connection to a name waits for its look-up; later ones take what is known, and when that
has grown older than the refresh time a look-up runs beside them. A look-up that fails keeps the old
addresses for as long as it keeps failing: a name server's outage is no reason to end traffic, and a
target that has moved meanwhile refuses connections, which is counted there. getaddrinfo reads
/etc/hosts and resolv.conf, and does not tell how long an answer is good for (no TTL).

Every answer is judged before it is used: `address_guard` says which addresses a name may lead to.
An answer that is refused is an answer: what was known before it is forgotten.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING

import structlog

from sluicegate.errors import ConnectFailed, ConnectTimeout
from sluicegate.metrics import Cell
from sluicegate.upstream.address_guard import AddressGuard

if TYPE_CHECKING:
    from sluicegate.clock import Clock

REFRESH_S = 5.0
"""How old a name may be. Envoy's dns_refresh_rate: 5 s."""
WAIT_S = 5.0
"""How long a connection waits for a first look-up. resolv.conf's own timeout for one try: 5 s."""
RETRY_S = 1.0
"""How long a name without any address is not asked for again. nginx, Envoy: same order."""
MAX_NAMES = 20_000
"""Names kept; the one known for longest makes place. They come from the configuration only."""

LookUp = Callable[[str], Awaitable[list[str]]]


class _Name:
    """What is known of one name."""

    __slots__ = ("addresses", "asked_at", "error", "flight", "refused", "resolved_at")

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.refused: list[str] = []
        self.resolved_at = self.asked_at = float("-inf")
        self.error = ""
        self.flight: asyncio.Task[None] | None = None


class Resolver:
    """The names of one worker, looked up once each."""

    def __init__(
        self,
        clock: Clock,
        look_up: LookUp | None = None,
        failures: Cell | None = None,
        guard: AddressGuard | None = None,
        refusals: Cell | None = None,
    ) -> None:
        """Look up by `look_up`, or by getaddrinfo; `guard` allows public addresses unless told.

        `failures` counts look-ups that gave nothing, `refusals` addresses that were refused.
        """
        self._clock = clock
        self._look_up = look_up or _getaddrinfo
        self._guard = guard or AddressGuard()
        self._names: dict[str, _Name] = {}
        self.failures = failures or Cell()
        self.refusals = refusals or Cell()

    async def addresses(self, host: str, refresh_s: float = REFRESH_S) -> list[str]:
        """Return the addresses of `host`, at least one, in the system's order of preference.

        An IP address is its own. Raises ConnectFailed when the name has none, or none that it may
        lead to; ConnectTimeout when the first look-up takes more than 5 s.
        """
        literal = _literal(host)
        if literal is not None:
            return [literal]
        name = self._names.get(host) or self._add(host)
        wanted = refresh_s if name.addresses else RETRY_S
        if name.flight is None and self._clock.monotonic() - name.asked_at >= wanted:
            name.flight = asyncio.get_running_loop().create_task(self._ask(host, name))
        if not name.addresses:
            if name.flight is not None:
                await self._wait(host, name.flight)
            if not name.addresses:
                raise ConnectFailed(f"{host}: {name.error}")
        return name.addresses

    async def close(self) -> None:
        """Give up look-ups that are under way."""
        flights = [name.flight for name in self._names.values() if name.flight is not None]
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _add(self, host: str) -> _Name:
        if len(self._names) >= MAX_NAMES:
            del self._names[next(iter(self._names))]
        self._names[host] = made = _Name()
        return made

    async def _ask(self, host: str, name: _Name) -> None:
        try:
            found = list(dict.fromkeys(await self._look_up(host)))
            if not found:
                raise OSError("no address")  # noqa: TRY301 - one place that handles both
        except (OSError, UnicodeError) as error:
            name.error = getattr(error, "strerror", None) or str(error)
            self._failed(host, name)
        else:
            self._found(host, name, found)
        finally:
            name.asked_at = self._clock.monotonic()
            name.flight = None

    def _found(self, host: str, name: _Name, found: list[str]) -> None:
        """Take an answer, without what is refused of it; say so when that has changed."""
        known = name.refused
        name.addresses, name.refused = self._guard.judge(found)
        name.resolved_at = self._clock.monotonic()
        self.refusals.value += len(name.refused)
        refused = ", ".join(name.refused)
        name.error = (
            f"resolves to {refused}, neither public nor in `gateway.private_networks`"
            if name.refused and not name.addresses
            else ""
        )
        if name.refused and set(name.refused) != set(known):
            structlog.get_logger().warning(
                "address_refused",
                host=host,
                refused=refused,
                kept=len(name.addresses),
                setting="gateway.private_networks",
            )

    def _failed(self, host: str, name: _Name) -> None:
        self.failures.value += 1
        stale_s = self._clock.monotonic() - name.resolved_at if name.addresses else None
        structlog.get_logger().warning(
            "resolve_failed", host=host, error=name.error, kept=len(name.addresses), age_s=stale_s
        )

    async def _wait(self, host: str, flight: asyncio.Task[None]) -> None:
        """Wait for a look-up that others may wait for too, and that outlives whoever gives up.

        A thread in getaddrinfo cannot be stopped: a look-up that was given up and begun anew for
        every connection would take one thread after the other.
        """
        waiter = asyncio.shield(flight)
        late = False

        def give_up() -> None:
            nonlocal late
            late = waiter.cancel()

        timer = self._clock.after(WAIT_S, give_up)
        try:
            await waiter
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if late and not (task is not None and task.cancelling()):
                raise ConnectTimeout(f"{host}: no answer to the look-up in {WAIT_S:g} s") from None
            raise
        finally:
            timer.cancel()


def _literal(host: str) -> str | None:
    """Return an address for itself, without the brackets of a URL; None for a name."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        ip_address(bare)
    except ValueError:
        return None
    return bare


async def _getaddrinfo(host: str) -> list[str]:
    """Ask the system, in a thread of the loop's own."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]
