"""The first step of a route with AI endpoints: which one is asked, and how errors are told.

It stands before everything else of the route, so that a refusal of any policy is in the form that
the caller's SDK reads.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from sluicegate.errors import METHOD_NOT_ALLOWED, NO_ROUTE, Refused
from sluicegate.journey.dispatch.model.errors import ErrorForm
from sluicegate.llm.endpoint import dialect_of, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.exchange import Exchange
    from sluicegate.llm.dialect import Dialect
    from sluicegate.llm.endpoint import Endpoint
    from sluicegate.model.route import Ai
    from sluicegate.policy import Onward


class Opening:
    """Opens the exchanges of one route."""

    __slots__ = ("_find", "_forms", "_over", "_prefix", "_proxied")

    def __init__(
        self, ai: Ai, find: Callable[[str], Dialect], over: Callable[[Exchange], None]
    ) -> None:
        """`find` gives a dialect by name; `over` is told of exchanges that have ended."""
        self._over = over
        self._prefix = ai.prefix
        self._proxied = frozenset(ai.proxy)
        self._find = find
        self._forms: dict[str, ErrorForm] = {}

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Find the endpoint. Raises Refused, in the dialect that is likely: NO_ROUTE, 405."""
        request = exchange.request
        request.upgrade = None
        path = request.path
        prefix = self._prefix
        if prefix:
            path = path[len(prefix) :] if path.startswith(prefix + "/") else ""
        endpoint = endpoint_of(path, request.query, request.headers, request.method)
        if endpoint is None or (
            endpoint.operation == "native" and endpoint.provider not in self._proxied
        ):
            exchange.speaks = self._form(dialect_of(path, request.headers))
            raise Refused(NO_ROUTE, "there is no such endpoint")
        exchange.speaks = self._form(endpoint.dialect)
        if not _is_preflight(exchange):
            check_method(exchange, endpoint)
        exchange.endpoint = endpoint
        return self._through(exchange, onward)

    async def _through(self, exchange: Exchange, onward: Onward) -> None:
        """Go on, and have written what it has come to, however it ended."""
        try:
            await onward(exchange)
        finally:
            self._over(exchange)

    def _form(self, dialect: str) -> ErrorForm:
        form = self._forms.get(dialect)
        if form is None:
            form = self._forms[dialect] = ErrorForm(self._find(dialect))
        return form


def check_method(exchange: Exchange, endpoint: Endpoint) -> None:
    """Look whether the endpoint takes the request's method. Raises Refused: 405."""
    if endpoint.methods and exchange.request.method not in endpoint.methods:
        allow = ", ".join(endpoint.methods).encode()
        raise Refused(METHOD_NOT_ALLOWED, None, ((b"allow", allow),))


def _is_preflight(exchange: Exchange) -> bool:
    """Whether a browser asks what a page may do: `cors` answers that, where the route has it."""
    request = exchange.request
    return request.method == "OPTIONS" and (
        request.headers.get(b"access-control-request-method") is not None
    )
