"""What a key may not be used for: too late, elsewhere, on other routes, with other methods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Final

from sluicegate.journey.screen.networks import read_address, read_networks, within
from sluicegate.model.name_pattern import NamePattern, read_patterns
from sluicegate.model.resource import FieldFault

if TYPE_CHECKING:
    from sluicegate.exchange import Request
    from sluicegate.journey.screen.networks import Network
    from sluicegate.model.consumer import Key


MOST_REMEMBERED: Final = 256
"""Addresses of one key whose verdict is kept: reading one costs more than all the rest."""
NEVER_US: Final = 2**60
"""When a key expires that does not: in 36 000 years."""


class Restriction:
    """Bounds of one key. `expires_us` is UTC, NEVER_US where it does not expire."""

    __slots__ = ("_known", "_methods", "_networks", "_routes", "expires_us")

    def __init__(
        self,
        expires_us: int,
        routes: Sequence[NamePattern],
        methods: frozenset[str],
        networks: list[Network],
    ) -> None:
        """Empty ones do not restrict."""
        self.expires_us = expires_us
        self._routes = tuple(routes)
        self._methods = methods
        self._networks = networks
        self._known: dict[str, bool] = {}

    def forbids(self, route: str, request: Request) -> str | None:
        """Say what is forbidden about a request; None where nothing is."""
        if self._networks and not self._within(request.client_ip):
            return "the key may not be used from the client's address"
        if self._methods and request.method not in self._methods:
            return f"the key may not be used with {request.method}"
        if self._routes:
            for pattern in self._routes:
                if pattern.matches(route):
                    return None
            return "the key may not be used on this route"
        return None

    def _within(self, text: str) -> bool:
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            address = read_address(text)
            known = self._known[text] = address is not None and within(address, self._networks)
        return known


def restriction_of(key: Key) -> Restriction | None:
    """Read what restricts a key; None where nothing does. Raises FieldFault."""
    if key.expires is None and not (key.routes or key.methods or key.ip_ranges):
        return None
    try:
        # In UTC, as it is sent and stored: an offset may lead out of the calendar.
        expires = None if key.expires is None else key.expires.astimezone(UTC)
    except OverflowError:
        raise FieldFault(("expires",), "expected a time in the calendar of UTC") from None
    expires_us = NEVER_US if expires is None else int(expires.timestamp() * 1_000_000)
    methods = {str(method) for method in key.methods}
    if "GET" in methods:
        methods.add("HEAD")
    routes = read_patterns(key.routes, "routes")
    networks: list[Network] = []
    for place, text in enumerate(key.ip_ranges):
        try:
            networks += read_networks((text,))
        except ValueError as error:
            raise FieldFault(("ip_ranges", place), str(error)) from error
    return Restriction(expires_us, routes, frozenset(methods), networks)
