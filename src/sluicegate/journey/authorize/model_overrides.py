"""`model_overrides`: what callers may decide for a single call of a model, by headers.

    sluicegate-deployment: openai/gpt-4o     that deployment of the model, and no other
    sluicegate-timeout: 20s                  for the whole call; a number alone is seconds
    sluicegate-fallback: off                 no other model; `on` is as configured

Nobody may without this policy: then the headers mean nothing. They never go on to a provider. Where
several of these policies apply, a header has to be allowed by all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from sluicegate.errors import BAD_HEADER, FORBIDDEN, Refused
from sluicegate.llm.call import Overrides
from sluicegate.model.units import Duration
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.llm.call import ModelCall
    from sluicegate.policy import Onward, Parts

PREFIX: Final = "sluicegate-"
NAMES: Final = ("deployment", "timeout", "fallback")
SWITCH: Final = {b"on": True, b"off": False}


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Which headers callers may use."""

    allow: Annotated[
        list[Literal["deployment", "timeout", "fallback"]],
        Meta(description="Of `sluicegate-<name>`; another one of these is answered with 403."),
    ] = []
    max_timeout: Annotated[
        Duration, Meta(description="Longest time that `sluicegate-timeout` may ask for.")
    ] = Duration(600)


class Policy:
    """Reads the headers into `exchange.call.overrides`, and takes them out."""

    __slots__ = ("_allow", "_fields", "_max_timeout")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare the names."""
        self._allow = frozenset(config.allow)
        self._max_timeout = config.max_timeout
        self._fields = [(name, (PREFIX + name).encode()) for name in NAMES]

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Read. Raises Refused: FORBIDDEN for a header, BAD_HEADER for what it says."""
        call = exchange.call
        if call is None:
            return onward(exchange)
        headers = exchange.request.headers
        for name, field in self._fields:
            value = headers.get(field)
            if value is not None:
                headers.remove(field)
                self._read(name, value, call)
        if call.overrides is not None:
            self._check(call.overrides)
        return onward(exchange)

    def _read(self, name: str, value: bytes, call: ModelCall) -> None:
        if name not in self._allow:
            raise _forbidden(name)
        overrides = call.overrides
        if overrides is None:
            overrides = call.overrides = Overrides()
        if name == "deployment":
            overrides.deployment = _deployment(value, call)
        elif name == "timeout":
            overrides.timeout_s = _timeout(value)
        else:
            overrides.fallback = _fallback(value)

    def _check(self, overrides: Overrides) -> None:
        """Look at what was read here, or by another policy of the kind before."""
        allow = self._allow
        if overrides.deployment is not None and "deployment" not in allow:
            raise _forbidden("deployment")
        if overrides.timeout_s is not None:
            if "timeout" not in allow:
                raise _forbidden("timeout")
            if overrides.timeout_s > self._max_timeout:
                detail = f"`{PREFIX}timeout`: expected at most `{self._max_timeout}`"
                raise Refused(BAD_HEADER, detail)
        if not overrides.fallback and "fallback" not in allow:
            raise _forbidden("fallback")


def _forbidden(name: str) -> Refused:
    return Refused(FORBIDDEN, f"the caller may not use the header `{PREFIX}{name}`")


def _timeout(value: bytes) -> float:
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdecimal():
        text += "s"
    try:
        seconds = float(Duration.parse(text))
    except ValueError:
        seconds = 0.0
    if seconds <= 0.0:
        raise Refused(BAD_HEADER, f"`{PREFIX}timeout`: expected a time such as `20s`")
    return seconds


def _deployment(value: bytes, call: ModelCall) -> str:
    name = value.decode("latin-1").strip()
    if call.pool is None or call.pool.find(name) is None:
        raise Refused(BAD_HEADER, f"`{PREFIX}deployment`: the model has no such deployment")
    return name


def _fallback(value: bytes) -> bool:
    wanted = SWITCH.get(value.strip().lower())
    if wanted is None:
        raise Refused(BAD_HEADER, f"`{PREFIX}fallback`: expected `on` or `off`")
    return wanted
