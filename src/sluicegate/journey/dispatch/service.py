"""The innermost step: send the exchange to a target of its route's service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.errors import UNAVAILABLE, Refused, UpstreamError
from sluicegate.journey.dispatch.attempt import Attempt
from sluicegate.journey.run import answer

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange


async def dispatch(exchange: Exchange) -> None:
    """Choose service and target, and pass request and response on. Answers what goes wrong."""
    route = exchange.route
    if route is None:
        raise RuntimeError("dispatch() before follow_route()")
    service = route.pick_service(exchange)
    target = service.pick()
    exchange.service = service.name
    request = exchange.request
    if request.upgrade is not None and request.upgrade not in route.upgrade:
        request.upgrade = None
    try:
        if target is None:
            raise Refused(UNAVAILABLE, "no target of the service takes requests")  # noqa: TRY301 - one place answers
        exchange.target = target.label
        target.in_flight += 1
        try:
            await Attempt(exchange, target).run(route.timeouts or service.timeouts)
        finally:
            target.in_flight -= 1
        await exchange.finish_whole()
    except UpstreamError as error:
        exchange.outcome = error.reason
        if target is not None:
            target.failed(error)
        answer(exchange, Refused(error.problem))
    except Refused as refused:
        answer(exchange, refused)
