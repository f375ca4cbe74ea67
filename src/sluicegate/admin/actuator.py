"""The management port: what a replica says about itself.

    GET /actuator/health              UP or DOWN, with workers, revision and the last reload
    GET /actuator/health/liveness     restart the replica when this is 503
    GET /actuator/health/readiness    send it no requests while this is 503
    GET /actuator/prometheus          metrics of all workers
    GET /actuator/info                version, region, revision, start

Which host names it answers under is told in hosts.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from sluicegate import __version__
from sluicegate.admin.exposition import render
from sluicegate.admin.hosts import DETAIL, Hosts
from sluicegate.errors import FORBIDDEN, METHOD_NOT_ALLOWED, NO_ROUTE, UNAVAILABLE, SluicegateError
from sluicegate.metrics import FamilyDump, Series

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.process.status import Status

ROOT = "/actuator/"
JSON = b"application/json"


class Silent(SluicegateError):
    """The supervisor does not answer."""


class Replica(Protocol):
    """Where the actuator's answers come from."""

    async def status(self) -> Status:
        """Return the details of health. Raises Silent."""

    async def scrape(self) -> list[FamilyDump]:
        """Return the metrics of all workers. Raises Silent."""


class Info(NamedTuple):
    """What does not change while a replica runs. `started_us` is UTC, microseconds since 1970."""

    region: str
    started_us: int


class Actuator:
    """The application behind the management port."""

    def __init__(self, replica: Replica, info: Info, listen: str) -> None:
        """Answer for `replica` on `listen`."""
        self._replica = replica
        self._info = info
        self._hosts = Hosts(listen)
        self._pages: dict[str, Callable[[Exchange], Awaitable[None]]] = {
            "health": self._health,
            "health/liveness": self._liveness,
            "health/readiness": self._readiness,
            "prometheus": self._prometheus,
            "info": self._about,
        }

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        request = exchange.request
        path = request.path
        page = self._pages.get(path.removeprefix(ROOT)) if path.startswith(ROOT) else None
        if not self._hosts.allows(request.host):
            exchange.refuse(FORBIDDEN, DETAIL)
        elif page is None:
            exchange.refuse(NO_ROUTE)
        elif request.method not in {"GET", "HEAD"}:
            exchange.refuse(METHOD_NOT_ALLOWED, headers=((b"allow", b"GET, HEAD"),))
        else:
            try:
                await page(exchange)
            except Silent as error:
                exchange.refuse(UNAVAILABLE, str(error))

    async def _health(self, exchange: Exchange) -> None:
        status = await self._replica.status()
        up = status.live and status.ready
        word = "UP" if up else "OUT_OF_SERVICE" if status.live else "DOWN"
        details = dict(msgspec.to_builtins(status).items())
        reload = details.pop("reload")
        reload["at"] = _time(reload.pop("at_us"))
        _answer(exchange, 200 if up else 503, {"status": word, **details, "reload": reload})

    async def _liveness(self, exchange: Exchange) -> None:
        status = await self._replica.status()
        word = "UP" if status.live else "DOWN"
        _answer(exchange, 200 if status.live else 503, {"status": word})

    async def _readiness(self, exchange: Exchange) -> None:
        status = await self._replica.status()
        word = "UP" if status.ready else "OUT_OF_SERVICE"
        _answer(exchange, 200 if status.ready else 503, {"status": word})

    async def _prometheus(self, exchange: Exchange) -> None:
        status = await self._replica.status()
        dump = [*await self._replica.scrape(), self._build(), _config(status.revision)]
        accept = exchange.request.headers.get(b"accept") or b""
        # In a thread: tens of thousands of lines must not hold up a loop that carries traffic.
        body, kind = await asyncio.to_thread(render, dump, accept.decode("latin-1"))
        exchange.respond(200, [(b"content-type", kind.encode()), (b"vary", b"accept")], body)

    async def _about(self, exchange: Exchange) -> None:
        status = await self._replica.status()
        content = {
            "version": __version__,
            "region": self._info.region,
            "revision": status.revision,
            "started": _time(self._info.started_us),
        }
        _answer(exchange, 200, content)

    def _build(self) -> FamilyDump:
        return FamilyDump(
            "sluicegate_build_info",
            "gauge",
            "1, with what runs as labels.",
            ["version", "region"],
            [],
            [Series([__version__, self._info.region], 1)],
        )


def _config(revision: str | None) -> FamilyDump:
    return FamilyDump(
        "sluicegate_config_info",
        "gauge",
        "1, with the revision of the configuration that was accepted last; none before the first.",
        ["revision"],
        [],
        [] if revision is None else [Series([revision], 1)],
    )


def _answer(exchange: Exchange, status: int, content: dict[str, Any]) -> None:
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    exchange.respond(status, headers, msgspec.json.encode(content))


def _time(at_us: int) -> str | None:
    """Return RFC 3339 in UTC, None for a time that never was."""
    if not at_us:
        return None
    return datetime.fromtimestamp(at_us / 1e6, UTC).isoformat(timespec="milliseconds")
