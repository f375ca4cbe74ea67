"""Nests the stages and sends one exchange down and up.

`nest` builds a chain from the inside out; `run` is what a connection starts; between them lie the
two fixed steps, `follow_route` and `second_half`, that pick the chains. Errors become answers here
and in dispatch, nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.errors import CLIENT_GONE, NO_ROUTE, Refused, answer_for

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward

Handler = Callable[["Exchange"], Awaitable[None]]
Handle = Callable[["Exchange", "Onward"], Awaitable[None]]

PROBES: Final = "/actuator/health/"
"""Where load balancers ask on the data port."""


def nest(handles: Sequence[Handle], innermost: Handler) -> Handler:
    """Return one handler that runs `handles` around each other, the first one outermost."""
    chain = innermost
    for handle in reversed(handles):
        chain = _around(handle, chain)
    return chain


def _around(handle: Handle, onward: Handler) -> Handler:
    def step(exchange: Exchange) -> Awaitable[None]:
        return handle(exchange, onward)

    return step


async def run(exchange: Exchange, entry: Handler) -> None:
    """Take an exchange from its head to the end of its record, by way of `entry`. Never raises."""
    try:
        await entry(exchange)
    except asyncio.CancelledError:
        if exchange.outcome is None:
            exchange.outcome = "cut"
    except Exception:  # noqa: BLE001 - a failing record must not take the connection down
        structlog.get_logger().exception("record failed", request_id=exchange.request.request_id)
    finally:
        if not exchange.ended and not exchange.upgraded:
            exchange.cut()
        exchange.sink.finished(exchange)


def answering(stage: Handler) -> Handler:
    """Return `stage` with whatever goes wrong in it turned into an answer."""

    async def step(exchange: Exchange) -> None:
        try:
            if exchange.refused is None:
                await stage(exchange)
            else:  # it could not be read
                answer(exchange, exchange.refused)
        except asyncio.CancelledError:
            if exchange.refused is None or exchange.task is None:
                exchange.problem = CLIENT_GONE
                raise
            exchange.task.uncancel()
            answer(exchange, exchange.refused)
        except Exception as error:  # noqa: BLE001 - the one place where a stage's failure ends
            refused = answer_for(error)
            if refused is not error:
                structlog.get_logger().error(
                    "stage failed", request_id=exchange.request.request_id, exc_info=error
                )
            answer(exchange, refused)

    return step


def follow_route(exchange: Exchange) -> Awaitable[None]:
    """Find the route and follow it. Not a coroutine of its own: it has nothing to wait for."""
    route = exchange.route = exchange.snapshot.find(exchange.request)
    return route.chain(exchange)


async def answer_probe(exchange: Exchange) -> None:
    """Answer a load balancer that asks for `/actuator/health/…`. Neither logged nor counted."""
    health = exchange.snapshot.health
    status = None if health is None else health.answer(exchange.request.path)
    if status is None:
        raise Refused(NO_ROUTE)
    exchange.respond(status[0], [(b"content-type", b"application/json")], status[1])


def second_half(exchange: Exchange) -> Awaitable[None]:
    """Follow the part of the route that depends on who calls."""
    if exchange.route is None:
        raise RuntimeError("second_half() before follow_route()")
    return exchange.route.second_half(exchange.plan)(exchange)


def answer(exchange: Exchange, refused: Refused) -> None:
    """Refuse while there is still time; after the head has gone out, cut the connection."""
    if exchange.head_sent:
        if not exchange.ended:
            exchange.problem = refused.problem
            exchange.cut()
        return
    exchange.forget_response()
    exchange.refuse(refused.problem, refused.detail, refused.headers)
