"""Which requests for resources are identical: the same caller, method, URL and headers that count.

Only GET and HEAD without a body. Headers that count are those that a policy names (`vary`), and
always credentials and `Accept-Encoding`. Requests with cookies are like no other, unless `vary`
names `Cookie`; so are those for a range, or for another protocol.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange

METHODS: Final = frozenset({"GET", "HEAD"})
ALWAYS: Final = (b"accept-encoding", b"api-key", b"authorization", b"x-api-key")
COOKIE: Final = b"cookie"
RANGE: Final = b"range"
_PACK: Final = msgspec.msgpack.Encoder().encode


class ResourceKeys:
    """Makes the keys of one policy. `known` are the headers that they know of."""

    __slots__ = ("_cookies", "_shared", "known")

    def __init__(self, vary: Sequence[bytes], *, shared: bool) -> None:
        """`shared`: whoever asks."""
        self._shared = shared
        self._cookies = COOKIE in vary
        self.known = tuple(sorted({*vary, *ALWAYS}))

    def of(self, exchange: Exchange) -> bytes | None:
        """Return the key of a request; None for one that is like no other."""
        request = exchange.request
        if request.method not in METHODS or request.body is not None or request.upgrade is not None:
            return None
        headers, known = request.headers, self.known
        found: list[list[bytes]] = [[] for _ in known]
        for name, value in headers:
            if name == RANGE or (name == COOKIE and not self._cookies):
                return None
            if name in known:
                found[known.index(name)].append(value)
        parts = (
            "resource",
            None if exchange.route is None else exchange.route.name,
            None if self._shared else (exchange.consumer_name or ""),
            request.method,
            request.scheme,
            request.host,
            request.path,
            request.query,
            found,
        )
        return sha256(_PACK(parts)).digest()
