"""The innermost step: send the exchange to a target of its route's service."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from sluicegate.errors import DEADLINE_PASSED, Refused
from sluicegate.journey.dispatch.retry import Call
from sluicegate.journey.run import answer

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.upstream.admission.admission import Admission
    from sluicegate.upstream.destination import Destination


def dispatch(exchange: Exchange) -> Awaitable[None]:
    """Send to where the route leads, and pass the response on. Answers what goes wrong.

    Raises Refused when the route leads nowhere.
    """
    route = exchange.route
    if route is None:
        raise RuntimeError("dispatch() before follow_route()")
    request = exchange.request
    if request.upgrade is not None and request.upgrade not in route.upgrade:
        request.upgrade = None
    return send(exchange, route.pick_destination(exchange))


def send(exchange: Exchange, destination: Destination) -> Awaitable[None]:
    """Send to `destination`, as soon as its service has room. Answers what goes wrong."""
    service = destination.service
    exchange.service = service.name
    call = Call(exchange, destination)
    admission = service.admission
    if admission is None or admission.enter():
        return call.run()
    return _queued(call, admission)


async def _queued(call: Call, admission: Admission) -> None:
    try:
        await admission.wait(call.exchange.priority, call.until)
    except Refused as refused:
        answer(call.exchange, Refused(DEADLINE_PASSED) if call.expired else refused)
    else:
        await call.run()
