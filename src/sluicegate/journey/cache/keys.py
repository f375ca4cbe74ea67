"""Which requests are identical."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sluicegate.journey.cache.call_keys import CallKeys
from sluicegate.journey.cache.resource_keys import ResourceKeys
from sluicegate.model.resource import FieldFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange

NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, section 5.6.2)."""


class Keys:
    """Makes the keys of one policy. `known` are headers that those of resources know of."""

    __slots__ = ("_calls", "_resources", "known")

    def __init__(self, vary: Sequence[str], *, shared: bool, tools: bool) -> None:
        """Take the settings of a policy."""
        names = tuple(sorted({name.lower().encode() for name in vary}))
        self._calls = CallKeys(names, shared=shared, tools=tools)
        self._resources = ResourceKeys(names, shared=shared)
        self.known = self._resources.known

    async def of(self, exchange: Exchange) -> bytes | None:
        """Return the key of a request, 32 bytes; None for one that is like no other."""
        call = exchange.call
        return (
            self._resources.of(exchange) if call is None else await self._calls.of(exchange, call)
        )


def check_names(vary: Sequence[str]) -> None:
    """Raise FieldFault where something in the setting `vary` is no name of a header."""
    for place, name in enumerate(vary):
        if NAME.fullmatch(name) is None:
            raise FieldFault(("vary", place), f"found `{name}`; expected the name of a header")
