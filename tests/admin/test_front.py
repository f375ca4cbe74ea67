from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from sluicegate.admin.bridge import Bridge
from sluicegate.admin.front import Front
from sluicegate.admin.hosts import Hosts
from sluicegate.exchange import Exchange
from support.exchanges import ClientSide, exchange, sink


class Actuator:
    """Stands in the place of the actuator, which has tests of its own."""

    async def handle(self, exchange: Exchange) -> None:
        exchange.respond(200, [], b"actuator")


async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 - ASGI's signature
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"admin"})


def ask(path: str, host: str = "localhost", *, store: bool = True) -> ClientSide:
    asked = exchange("GET", path, host=host)
    bridge = Bridge(app) if store else None
    front = Front(cast("Any", Actuator()), bridge, Hosts("127.0.0.1:9090"))
    asyncio.run(front.handle(asked))
    return sink(asked)


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/v1/routes", "/admin/docs"])
def test_the_admin_api_is_below_admin(path: str) -> None:
    assert ask(path).body == b"admin"


@pytest.mark.parametrize("path", ["/", "/actuator/health", "/administrator", "/x/admin/v1"])
def test_all_else_is_the_actuators(path: str) -> None:
    assert ask(path).body == b"actuator"


@pytest.mark.parametrize("host", ["attacker.example", "localhost.attacker.example", ""])
def test_a_name_that_may_be_rebound_is_refused(host: str) -> None:
    assert ask("/admin/v1/routes", host).status == 403
    assert ask("/admin/docs", host).status == 403


def test_without_a_store_there_is_no_admin_api() -> None:
    answer = ask("/admin/v1/routes", store=False)
    assert answer.status == 404
    assert "store.url" in answer.problem()["detail"]
