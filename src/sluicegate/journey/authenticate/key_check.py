"""Takes keys out of a request and asks whose they are; the running part of `api_key`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from sluicegate.errors import FORBIDDEN, UNAUTHENTICATED
from sluicegate.llm.endpoint import GOOGLE_KEY

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange, Request
    from sluicegate.headers import Headers
    from sluicegate.journey.authenticate.keyring import Keyring
    from sluicegate.journey.authenticate.restriction import Restriction
    from sluicegate.policy import Onward

GOOGLE_QUERY: Final = b"key"
Challenges = tuple[tuple[bytes, bytes], ...]


class KeyCheck:
    """Finds the consumer of a key, or answers 401."""

    __slots__ = ("_bearer", "_header", "_keyring", "_missing", "_optional", "_query", "_wrong")

    def __init__(
        self,
        keyring: Keyring,
        header: bytes | None,
        query: bytes | None,
        missing: Challenges,
        wrong: Challenges,
        *,
        bearer: bool,
        optional: bool,
    ) -> None:
        """Take the places of a key, and the challenges where there is none, or a wrong one."""
        self._keyring = keyring
        self._header = header
        self._query = query
        self._missing = missing
        self._wrong = wrong
        self._bearer = bearer
        self._optional = optional

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Take the key out of the request, look it up, and say who calls."""
        request = exchange.request
        shown = self._take_from_headers(request.headers)
        if self._query is not None and request.query:
            shown += _take_from_query(request, self._query)
        if exchange.speaks is not None:
            shown += _take_as_google(request)
        if not shown:
            if self._optional:
                await onward(exchange)
            else:
                exchange.refuse(UNAUTHENTICATED, "no key was given", self._missing)
            return
        one = len(shown) == 1 or len(set(shown)) == 1
        record = None
        if one:
            keys = exchange.snapshot.keys
            found = self._keyring.find(shown[0], keys, exchange.started_at)
            if isinstance(found, str):
                found = await self._keyring.fetch(found, shown[0], keys, request.client_ip)
            record = found
        if record is None:
            # How many keys were shown, or what is wrong with one, helps only who guesses.
            exchange.refuse(UNAUTHENTICATED, "the key is not valid here", self._wrong)
            return
        exchange.consumer = record.consumer
        exchange.consumer_name = record.consumer_name
        exchange.key_id = record.key_id
        if record.restriction is not None and self._forbids(exchange, record.restriction):
            return
        exchange.plan = record.plan
        exchange.scopes = record.scopes
        exchange.models = record.models
        request.headers.append(record.told)
        await onward(exchange)

    def _forbids(self, exchange: Exchange, restriction: Restriction) -> bool:
        """Answer where the key is right and may not be used for this; the log says whose it is."""
        if restriction.expires_us <= exchange.clock.wall_us():
            exchange.refuse(UNAUTHENTICATED, "the key has expired", self._wrong)
            return True
        route = "" if exchange.route is None else exchange.route.name
        detail = restriction.forbids(route, exchange.request)
        if detail is None:
            return False
        exchange.refuse(FORBIDDEN, detail)
        return True

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


def _take_as_google(request: Request) -> list[bytes]:
    """Take keys from where Google's SDKs put them, on routes with AI endpoints.

    `x-goog-api-key`: google-genai, `_api_client.py`; the parameter `key`: Google's REST reference.
    """
    shown = request.headers.get_all(GOOGLE_KEY)
    if shown:
        request.headers.remove(GOOGLE_KEY)
    if request.query:
        shown = [*shown, *_take_from_query(request, GOOGLE_QUERY)]
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
