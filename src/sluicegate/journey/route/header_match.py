"""Header and query matches of a route, prepared so that a request costs look-ups and comparisons.

A value is exact (`v2`), a prefix (`v*`), `true` for present or `false` for absent. Header fields
that occur more than once are joined by `, ` first, as RFC 9110, section 5.3, lets anyone do; of a
repeated query parameter the first counts, and its name and value are compared after form decoding
(`+` and `%20` are spaces), while the query itself goes on as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from sluicegate.exchange import Request
    from sluicegate.headers import Headers

FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, section 5.6.2."""


class Expected:
    """What one value must be."""

    __slots__ = ("exact", "prefix", "present")

    def __init__(self, written: str | bool) -> None:  # noqa: FBT001 - as it is in the file
        """Read the written form: exact, `a*`, `true` or `false`."""
        self.present = written is not False
        self.exact: bytes | None = None
        self.prefix: bytes | None = None
        if isinstance(written, str):
            if written.endswith("*"):
                self.prefix = written[:-1].encode()
            else:
                self.exact = written.encode()

    def holds(self, value: bytes | None) -> bool:
        """Whether `value`, None for an absent one, is as expected."""
        if value is None or not self.present:
            return (value is None) is not self.present
        if self.exact is not None:
            return value == self.exact
        return self.prefix is None or value.startswith(self.prefix)


class Conditions:
    """The header and query matches of one route. All must hold."""

    __slots__ = ("_headers", "_query")

    def __init__(self, headers: Mapping[str, str | bool], query: Mapping[str, str | bool]) -> None:
        """Prepare them; raises ValueError for what is no field name."""
        for name in headers:
            if FIELD_NAME.fullmatch(name) is None:
                raise ValueError(f"expected a header name, got {name!r}")
        self._headers = [(name.lower().encode(), Expected(v)) for name, v in headers.items()]
        self._query = [(name.encode(), Expected(v)) for name, v in query.items()]

    def __len__(self) -> int:
        """How many there are: more of them are more specific."""
        return len(self._headers) + len(self._query)

    def hold(self, request: Request) -> bool:
        """Whether the request fulfils all of them."""
        return all(
            expected.holds(field(request.headers, name)) for name, expected in self._headers
        ) and self._query_holds(request.query)

    def may_hold_after_preflight(self, request: Request) -> bool:
        """Whether the request that this CORS preflight announces may fulfil all of them.

        A preflight names the headers to come but not their values (Fetch standard, section 3.3.2).
        """
        announced = listed(field(request.headers, b"access-control-request-headers"))
        return all(
            expected.present if name in announced else expected.holds(field(request.headers, name))
            for name, expected in self._headers
        ) and self._query_holds(request.query)

    def _query_holds(self, query: bytes | None) -> bool:
        if not self._query:
            return True
        first = parameters(query or b"")
        return all(expected.holds(first.get(name)) for name, expected in self._query)


def field(headers: Headers, name: bytes) -> bytes | None:
    """Return the value of a header field, its lines joined by `, `; None when there is none."""
    values = headers.get_all(name)
    return b", ".join(values) if values else None


def listed(value: bytes | None) -> frozenset[bytes]:
    """Read a comma-separated list of names, in lower case."""
    return frozenset(name.strip().lower() for name in (value or b"").split(b","))


def parameters(query: bytes) -> dict[bytes, bytes]:
    """Decode a query (application/x-www-form-urlencoded); of a repeated name the first counts."""
    found: dict[bytes, bytes] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        found.setdefault(unquote_to_bytes(name), unquote_to_bytes(value))
    found.pop(b"", None)
    return found
