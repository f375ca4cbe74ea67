"""What a request costs where that is not 1: guessed before it is let through, known afterwards.

`bytes` are those of both bodies. `tokens` and `usd` are what calls of models use, or what a target
says in a header of its response, which goes no further.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from sluicegate.errors import FORBIDDEN, UNAVAILABLE, UPSTREAM_UNREACHABLE, Refused
from sluicegate.llm.tokens import goes_on_unseen
from sluicegate.state.contract import EXACT

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.forecast import Forecast
    from sluicegate.llm.call import ModelCall

LEAST: Final = 1
"""Charged before a cost is known, unless told otherwise: nobody passes where nothing is left."""
NATIVE: Final = "native"
FREE: Final = ("GET", "HEAD")
UNMETERED: Final = "a hard budget cannot count what passes to a provider as it is"
UNSEEN: Final = "a hard budget cannot count what is done in the background: leave `background`"
MOST: Final = EXACT + 1
"""More than any limit holds; what callers say of their answers may be any number."""


class Reading(Protocol):
    """Watches one exchange."""

    def actual(self, exchange: Exchange) -> int | None:
        """Return what it cost in the end; None where nobody told."""


class Cost(Protocol):
    """How the requests of a rule cost."""

    def reserve(self, exchange: Exchange) -> int:
        """Return what is charged before the request goes on."""

    def watch(self, exchange: Exchange, heard: Heard) -> Reading:
        """Begin to watch an exchange that has been let through.

        `heard` is one for all costs of the exchange.
        """


class Said:
    """What the target's response says in one header, which is then taken out."""

    __slots__ = ("_name", "text")

    def __init__(self, name: bytes) -> None:
        """Nothing is said yet. `name` in lower case."""
        self._name = name
        self.text: str | None = None

    def note(self, exchange: Exchange) -> None:
        """Read the header (an `on_head` hook)."""
        response = exchange.response
        value = None if response is None else response.headers.get(self._name)
        if response is not None and value is not None:
            response.headers.remove(self._name)
            self.text = value.decode("latin-1").strip()


Heard = dict[bytes, Said]
"""The headers of one exchange's response that say costs; several rules may read the same."""


class BytesCost:
    """Bytes of the request's body and of the response's."""

    __slots__ = ("_reserve",)

    def __init__(self, reserve: int | None) -> None:
        """`reserve` is charged before; None: what the request announces, at least 1."""
        self._reserve = reserve

    def reserve(self, exchange: Exchange) -> int:
        """Charge what is configured, or what is announced."""
        if self._reserve is not None:
            return self._reserve
        body = exchange.request.body
        return 1 if body is None or not body.length else body.length

    def watch(self, exchange: Exchange, heard: Heard) -> Reading:  # noqa: ARG002 - it counts by itself
        """Watch nothing: the exchange counts its bytes."""
        return _Bytes()


class _Bytes:
    __slots__ = ()

    def actual(self, exchange: Exchange) -> int | None:
        body = exchange.request.body
        received = exchange.bytes_in if body is None else body.received
        return received + exchange.bytes_out


class HeaderCost:
    """What a header of the target's response says."""

    __slots__ = ("_name", "_read", "_reserve")

    def __init__(self, reserve: int, name: bytes, read: Callable[[str], int | None]) -> None:
        """`name` in lower case; `read` turns a value into units, None where it is none."""
        self._reserve = reserve
        self._name = name
        self._read = read

    def reserve(self, exchange: Exchange) -> int:  # noqa: ARG002 - the same for all
        """Charge what is configured."""
        return self._reserve

    def watch(self, exchange: Exchange, heard: Heard) -> Reading:
        """Read the header when the response begins, and take it out."""
        said = heard.get(self._name)
        if said is None:
            said = heard[self._name] = Said(self._name)
            exchange.on_head(said.note)
        return _Header(said, self._read)


class _Header:
    __slots__ = ("_read", "_said")

    def __init__(self, said: Said, read: Callable[[str], int | None]) -> None:
        self._said = said
        self._read = read

    def actual(self, exchange: Exchange) -> int | None:
        text = self._said.text
        if text is not None:
            return self._read(text)
        if exchange.attempts == 0 or exchange.problem is UPSTREAM_UNREACHABLE:
            return 0  # no target was asked
        return None


class TokensCost:
    """Tokens that a call of a model uses. Other requests use none."""

    __slots__ = ("_forecast", "_reserve")

    def __init__(self, forecast: Forecast, reserve: int | None) -> None:
        """`reserve` is charged before; None: what is to be expected."""
        self._forecast = forecast
        self._reserve = reserve

    def reserve(self, exchange: Exchange) -> int:
        """Charge what is configured, or what is to be expected."""
        if self._reserve is not None:
            return self._reserve
        call = exchange.call
        if call is None or not call.body:
            return LEAST
        return max(LEAST, sum(self._forecast.tokens(call, most=False)))

    def watch(self, exchange: Exchange, heard: Heard) -> Reading:  # noqa: ARG002 - it counts by itself
        """Watch nothing: dispatch notes what was used."""
        return TOKENS


class UsdCost:
    """Nano-USD that a call of a model costs. Other requests cost nothing."""

    __slots__ = ("_forecast", "_hard", "_refuses", "_reserve")

    def __init__(
        self, forecast: Forecast, reserve: int | None, *, hard: bool, refuses: bool = True
    ) -> None:
        """`reserve` is charged before; None: what is to be expected, or `hard` the most it may be.

        `hard` refuses calls of models whose price is not known, unless it `refuses` nobody.
        """
        self._forecast = forecast
        self._reserve = reserve
        self._hard = hard
        self._refuses = refuses

    def reserve(self, exchange: Exchange) -> int:
        """Charge what is configured, expected or possible.

        Raises Refused: 503 without a price, 403 for what nobody counts.
        """
        call = exchange.call
        if call is None:
            return 0
        if self._hard and self._refuses:
            _check_counted(exchange, call)
        if not call.body:
            return 0
        if self._reserve is not None and not self._hard:
            return self._reserve
        cost = self._forecast.cost(exchange, call, most=self._hard)
        if cost is None:
            if self._hard and self._refuses:
                detail = (
                    f"a hard budget needs the price of the model `{call.asked}`: nobody gave it"
                )
                raise Refused(UNAVAILABLE, detail)
            return LEAST
        return max(LEAST, min(MOST, cost) if self._reserve is None else self._reserve)

    def watch(self, exchange: Exchange, heard: Heard) -> Reading:  # noqa: ARG002 - it counts by itself
        """Watch nothing: dispatch notes what was spent."""
        return USD


def _check_counted(exchange: Exchange, call: ModelCall) -> None:
    """Look whether anybody will know what a call cost. Raises Refused."""
    if call.endpoint.operation == NATIVE and exchange.request.method not in FREE:
        raise Refused(FORBIDDEN, UNMETERED)
    if goes_on_unseen(call.endpoint.dialect, call.fields):
        raise Refused(FORBIDDEN, UNSEEN)


class _Tokens:
    __slots__ = ()

    def actual(self, exchange: Exchange) -> int | None:
        call = exchange.call
        return 0 if call is None else call.tokens


class _Usd:
    __slots__ = ()

    def actual(self, exchange: Exchange) -> int | None:
        call = exchange.call
        return 0 if call is None else call.cost or 0


TOKENS: Final = _Tokens()
USD: Final = _Usd()
