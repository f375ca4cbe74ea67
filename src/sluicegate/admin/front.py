"""What the management port serves: the actuator, and the admin API where there is a store.

/actuator/…    actuator.py
/admin/…       the admin API, by way of bridge.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.admin.hosts import DETAIL
from sluicegate.errors import FORBIDDEN, NO_ROUTE, STORE_AWAY

if TYPE_CHECKING:
    from sluicegate.admin.actuator import Actuator
    from sluicegate.admin.bridge import Bridge
    from sluicegate.admin.hosts import Hosts
    from sluicegate.exchange import Exchange

ADMIN: Final = "/admin"
RETRY: Final = ((b"retry-after", b"1"),)


class Front:
    """The application behind the management port."""

    def __init__(
        self, actuator: Actuator, bridge: Bridge | None, hosts: Hosts, *, expected: bool = False
    ) -> None:
        """Serve the admin API too, if there is a `bridge` or one is `expected` (see `open`)."""
        self._actuator = actuator
        self._bridge = bridge
        self._hosts = hosts
        self._expected = expected

    def open(self, bridge: Bridge) -> None:
        """Serve the admin API from now on."""
        self._bridge = bridge

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        path = exchange.request.path
        if path != ADMIN and not path.startswith(ADMIN + "/"):
            await self._actuator.handle(exchange)
        elif not self._hosts.allows(exchange.request.host):
            exchange.refuse(FORBIDDEN, DETAIL)
        elif self._bridge is not None:
            await self._bridge.handle(exchange)
        elif self._expected:
            exchange.refuse(STORE_AWAY, "the store has not been read yet", RETRY)
        else:
            exchange.refuse(NO_ROUTE, "there is no admin API: `store.url` is `none`")
