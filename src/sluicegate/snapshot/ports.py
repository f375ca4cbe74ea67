"""Addresses: what to listen on, whom to trust, where targets are."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place

LAST_PORT = 65535


def check(draft: Draft, document: Document) -> None:
    """Complain about ports out of range and networks that are none."""
    gateway, management = document.gateway, document.management
    for section, listen in (("gateway", gateway.listen), ("management", management.listen)):
        port = int(listen.rpartition(":")[2])
        if port > LAST_PORT:
            message = f"found port {port}; expected 0 to {LAST_PORT}"
            draft.complain((section, "listen"), message)
    if gateway.listen == management.listen and not gateway.listen.endswith(":0"):
        message = "the same address as `gateway.listen`; expected another port"
        draft.complain(("management", "listen"), message)
    alerts = document.alerts.private_networks
    _check_networks(draft, ("gateway", "trusted_proxies"), gateway.trusted_proxies)
    _check_networks(draft, ("gateway", "private_networks"), gateway.private_networks)
    _check_networks(draft, ("alerts", "private_networks"), alerts)
    if gateway.proxy_protocol and not gateway.trusted_proxies:
        message = "no client could connect; expected networks in `trusted_proxies`"
        draft.complain(("gateway", "proxy_protocol"), message)


def check_targets(draft: Draft, document: Document) -> None:
    """Complain about targets that are nowhere."""
    for name, service in document.services.items():
        for position, target in enumerate(service.targets):
            url = target if isinstance(target, str) else target.url
            _check_url(draft, ("services", name, "targets", position), url)


def _check_networks(draft: Draft, setting: Place, networks: list[str]) -> None:
    for position, network in enumerate(networks):
        place: Place = (*setting, position)
        try:
            ip_network(network)
        except ValueError:
            found = draft.show(place, network)
            try:
                better = f"`{ip_network(network, strict=False)}`"
            except ValueError:
                better = "a network such as `10.0.0.0/8` or `::1`"
            draft.complain(place, f"found {found}; expected {better}")


def _check_url(draft: Draft, place: Place, url: str) -> None:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        draft.complain(place, f"found {draft.show(place, url)}: {error}")
        return
    if not host:
        draft.complain(place, f"found {draft.show(place, url)}; expected a host in it")
    elif port == 0:
        draft.complain(place, f"found port 0; expected 1 to {LAST_PORT}")
