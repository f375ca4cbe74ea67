"""Nests the stages and sends one exchange down and up.

`nest` builds a chain from the inside out; `run` is what a connection starts; between them lie the
two fixed steps, `follow_route` and `second_half`, that pick the chains. Errors become answers here
and in dispatch, nowhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import structlog

from sluicegate.errors import CLIENT_GONE, Refused
from sluicegate.exchange import answer_for

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward

Handler = Callable[["Exchange"], Awaitable[None]]
Handle = Callable[["Exchange", "Onward"], Awaitable[None]]

PREFIX = "/actuator/health/"
"""Asked by load balancers on the data port."""


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
    snapshot, request = exchange.snapshot, exchange.request
    if snapshot.health is not None and request.path.startswith(PREFIX):
        status = snapshot.health.answer(request.path)
        if status is not None:
            return _respond(exchange, *status)
    route = exchange.route = snapshot.find(request)
    return route.chain(exchange)


async def _respond(exchange: Exchange, status: int, body: bytes) -> None:
    exchange.respond(status, [(b"content-type", b"application/json")], body)


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
