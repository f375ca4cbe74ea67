"""The innermost step: send the exchange to a target of its route's service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.errors import (
    DEADLINE_PASSED,
    OVERLOADED,
    ConnectTimeout,
    Refused,
    UpstreamError,
    UpstreamTimeout,
)
from sluicegate.journey.dispatch.retry import Call
from sluicegate.journey.run import answer

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.upstream.destination import Destination


AWAY = 503
AGAIN = ((b"retry-after", b"1"),)
"""Nothing has reached a target, so coming again does no harm: probes look twice a second."""


async def dispatch(exchange: Exchange) -> None:
    """Send to where the route leads, and pass the response on. Answers what goes wrong."""
    route = exchange.route
    if route is None:
        raise RuntimeError("dispatch() before follow_route()")
    request = exchange.request
    if request.upgrade is not None and request.upgrade not in route.upgrade:
        request.upgrade = None
    await send(exchange, route.pick_destination(exchange))


async def send(exchange: Exchange, destination: Destination) -> None:
    """Send to `destination`, as soon as its service has room. Answers what goes wrong."""
    service = destination.service
    admission = service.admission
    exchange.service = service.name
    call = Call(exchange, destination)
    try:
        if admission is None:
            await call.run()
        else:
            if not admission.enter():
                await admission.wait(exchange.priority, call.until)
            try:
                await call.run()
            finally:
                admission.leave(None)  # what there is to learn was observed at the head
        await exchange.finish_whole()
    except UpstreamError as error:
        exchange.outcome = error.reason
        problem = error.problem
        if isinstance(error, UpstreamTimeout | ConnectTimeout) and call.expired:
            problem = DEADLINE_PASSED
        answer(exchange, Refused(problem, None, AGAIN if problem.status == AWAY else ()))
    except Refused as refused:
        late = refused.problem is OVERLOADED and call.expired
        answer(exchange, Refused(DEADLINE_PASSED) if late else refused)
