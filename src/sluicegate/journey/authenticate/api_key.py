"""`api_key`: who calls, by a key that the caller shows.

The key is taken out of the request whatever comes of it, and is never written anywhere. The target
is told the consumer's name in `sluicegate-consumer`; a client cannot send that header itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote_to_bytes

from msgspec import Meta

from sluicegate.errors import UNAUTHENTICATED
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange, Request
    from sluicegate.headers import Headers
    from sluicegate.policy import Onward, Parts

CONSUMER_HEADER = b"sluicegate-consumer"
REALM = b'realm="sluicegate"'


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Where a key may be. Two different keys in one request are refused."""

    header: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9!#$%&'*+.^`|~-]+$")] | None,
        Meta(
            description="Name of a header that holds the key and nothing else; `null` for none.",
        ),
    ] = "x-api-key"
    bearer: Annotated[bool, Meta(description="Take `Authorization: Bearer <key>` as well.")] = True
    query: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description="Name of a query parameter. Off unless named: URLs end up in logs.",
        ),
    ] = None
    optional: Annotated[
        bool, Meta(description="Let requests without a key through; a wrong key is still refused.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse a policy that no request could satisfy."""
        if self.header is None and not self.bearer and self.query is None:
            raise ValueError("no place for a key is left: keep `header`, `bearer` or `query`")
        if self.header is not None and self.header.lower() == "authorization":
            raise ValueError("`header: authorization` is written `bearer: true`")


class Policy:
    """Finds the consumer of a key, or answers 401."""

    __slots__ = ("_bearer", "_header", "_missing", "_optional", "_query", "_wrong")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare names and challenges (RFC 9110, section 11.6.1; RFC 6750, section 3)."""
        self._header = (config.header or "").lower().encode()
        self._bearer = config.bearer
        self._query = config.query.encode() if config.query is not None else None
        self._optional = config.optional
        key = (b"www-authenticate", b"ApiKey " + REALM)
        bearer = (b"www-authenticate", b"Bearer " + REALM)
        invalid = (b"www-authenticate", b"Bearer " + REALM + b', error="invalid_token"')
        self._missing = (key, bearer) if config.bearer else (key,)
        self._wrong = (key, invalid) if config.bearer else (key,)

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Take the key out of the request, look it up, and say who calls."""
        request = exchange.request
        shown = self._take_from_headers(request.headers)
        if self._query is not None and request.query:
            shown += _take_from_query(request, self._query)
        if not shown:
            if self._optional:
                await onward(exchange)
            else:
                exchange.refuse(UNAUTHENTICATED, "no key was given", self._missing)
            return
        one = len(shown) == 1 or len(set(shown)) == 1
        record = exchange.snapshot.keys.find(shown[0]) if one else None
        if record is None:
            # How many keys were shown, or what is wrong with one, helps only who guesses.
            exchange.refuse(UNAUTHENTICATED, "the key is not valid here", self._wrong)
            return
        name = record.consumer_name
        exchange.consumer = record.consumer
        exchange.consumer_name = name
        exchange.key_id = record.key_id
        exchange.plan = record.plan
        plain = name.isascii() and name.isprintable()
        request.headers.append((CONSUMER_HEADER, (name if plain else quote(name)).encode()))
        await onward(exchange)

    def _take_from_headers(self, headers: Headers) -> list[bytes]:
        header, bearer = self._header, self._bearer
        places: list[int] = []
        shown: list[bytes] = []
        for place, (name, value) in enumerate(headers):
            if name == header:
                shown.append(value)
                places.append(place)
            elif name == b"authorization" and bearer and value[:7].lower() == b"bearer ":
                shown.append(value[7:].strip())
                places.append(place)
        for place in reversed(places):
            del headers[place]
        return shown


def _take_from_query(request: Request, wanted: bytes) -> list[bytes]:
    """Cut a parameter out of the raw query, every time it is there, and return its values."""
    shown = []
    kept = []
    for part in (request.query or b"").split(b"&"):
        name, _, value = part.partition(b"=")
        if unquote_to_bytes(name.replace(b"+", b" ")) == wanted:
            shown.append(unquote_to_bytes(value.replace(b"+", b" ")))
        else:
            kept.append(part)
    if shown:
        request.query = b"&".join(kept) or None
    return shown
