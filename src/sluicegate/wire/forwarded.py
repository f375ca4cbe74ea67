"""Who the client is, as told by proxies in front of us, and what we tell the target about it.

Each proxy on the way appends the address it was called from, so `X-Forwarded-For` (de facto) and
`Forwarded` (RFC 7239) are read from the right: as long as an entry is a trusted proxy, that proxy
wrote the entry to its left. The first address that is not trusted is the client; what stands left
of it was written by the client and is believed by nobody. The entries from the client on are the
`chain`, and only they are sent on, rewritten from parsed addresses: a target that takes the
leftmost entry, as most frameworks do, gets the client, and never bytes that somebody made up.

`X-Forwarded-For` decides where both are present: proxies that know only that one pass on a
`Forwarded` that the client may have written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from sluicegate.errors import ConfigError, Fault

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from sluicegate.exchange import Client
    from sluicegate.headers import Headers
    from sluicegate.wire.proxy_protocol import Header

Field = tuple[bytes, bytes]
Ends = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Socket addresses of a connection: the peer's and ours."""

MAX_HOPS: Final = 32
"""Entries read from the right. Envoy's xff_num_trusted_hops and real chains stay far below."""
MAX_FORWARDED: Final = 4096
"""Characters of `Forwarded` that are parsed: 1 ms of work at most. 32 hops take 2500."""
MAX_NODE: Final = 55
"""Characters of an IPv6 address with brackets and port, with room for IPv4 in its end."""
MEMO_SIZE: Final = 4096
"""Addresses remembered; a flood of new ones empties the memo and costs 3 µs each, no memory."""

_PORT: Final = r"[0-9]{1,5}"
_NODE: Final = re.compile(
    rf"(?:\[([0-9A-Fa-f:.]{{2,45}})\]|([0-9.]{{7,15}}))(?::{_PORT})?|([0-9a-f:.]+)", re.IGNORECASE
)
_HOST: Final = re.compile(rf"(?:[A-Za-z0-9._~-]{{1,255}}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::({_PORT}))?")
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*"'
_SEPARATOR: Final = re.compile(r"[ \t]*([,;]|\Z)[ \t]*")
_PAIR: Final = re.compile(rf"({_NAME})=({_NAME}|{_QUOTED})")
_MAX_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"http": b"80", "ws": b"80", "https": b"443", "wss": b"443"}


def plain_address(text: str) -> str | None:
    """Return an IP address in its canonical form, IPv4 out of mapped IPv6; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def read_networks(setting: str, texts: Iterable[str]) -> list[IPv4Network | IPv6Network]:
    """Read CIDR networks or single addresses. Raises ConfigError that names each wrong one."""
    networks: list[IPv4Network | IPv6Network] = []
    faults: list[Fault] = []
    for index, text in enumerate(texts):
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            wrong = f"expected a network such as `10.0.0.0/8` or an address: {error}"
            faults.append(Fault(f"{setting}[{index}]", 0, wrong))
    if faults:
        raise ConfigError(faults)
    return networks


class TrustedProxies:
    """The networks whose word is believed about who is behind them."""

    __slots__ = ("_memo", "_networks", "_nodes", "introduced")

    def __init__(self, networks: Iterable[str]) -> None:
        """Take CIDR networks or single addresses. Raises ConfigError that names each wrong one."""
        self._networks = read_networks("gateway.trusted_proxies", networks)
        self._memo: dict[str, bool] = {}
        self._nodes: dict[str, str | None] = {}
        self.introduced: dict[Ends, Header] = {}
        """What PROXY headers said of connections that are being made, by the socket's ends."""

    def contains(self, ip: str) -> bool:
        """Whether the address is in one of the networks. What is no address is in none."""
        known = self._memo.get(ip)
        return self._look_up(ip) if known is None else known

    def address_of(self, node: str) -> str | None:
        """Return the address in `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`."""
        if node in self._nodes:
            return self._nodes[node]
        match = _NODE.fullmatch(node) if len(node) <= MAX_NODE else None
        if match is None:
            return None
        if len(self._nodes) >= MEMO_SIZE:
            self._nodes.clear()
        self._nodes[node] = address = plain_address(match[1] or match[2] or match[3])
        return address

    def _look_up(self, ip: str) -> bool:
        plain = plain_address(ip)
        if plain is None:
            return False
        address = ip_address(plain)
        found = any(address in network for network in self._networks)
        if len(self._memo) >= MEMO_SIZE:
            self._memo.clear()
        self._memo[ip] = found
        return found


class Forwarding:
    """What the targets are told about one client connection. Built once per connection.

    All but the host is known before the first request, so that a request without claims costs an
    `extend` and an `append`. From a trusted proxy, the last claims and what became of them are
    kept, as requests of one client tend to follow each other.
    """

    __slots__ = ("_fixed", "_last", "_peer", "_scheme", "_server_port", "_trusted", "scheme")

    def __init__(self, client: Client, trusted: TrustedProxies) -> None:
        """Take peer, scheme, port and trust from `client`."""
        self._trusted = trusted if client.trusted else None
        self._peer = client.peer
        self._scheme = client.scheme
        self._server_port = str(client.server_port).encode()
        self.scheme = client.scheme
        self._last: tuple[Sequence[Field], bytes, list[Field], str, str] | None = None
        self._fixed = (
            (b"x-forwarded-for", client.peer.encode()),
            (b"x-forwarded-proto", client.scheme.encode()),
            (b"x-forwarded-port", self._server_port),
        )

    def add_to(self, headers: Headers, claims: Sequence[Field], authority: bytes) -> str:
        """Append the forwarding fields to `headers`; return the client's address.

        After a request with claims, `scheme` is the one that its client used.

        `claims` are the request's own fields about its way here (`http1/names.py` tells them),
        taken out of `headers`; `authority` is its checked host and port, empty when it had none.
        """
        if claims and self._trusted is not None:
            last = self._last
            if last is None or last[0] != claims or last[1] != authority:
                last = (claims, authority, *self._believe(claims, authority, self._trusted))
                self._last = last
            headers.extend(last[2])
            self.scheme = last[4]
            return last[3]
        headers.extend(self._fixed)
        if authority:
            headers.append((b"x-forwarded-host", authority))
        if claims and any(name == b"forwarded" for name, _ in claims):
            field = _forwarded_field([self._peer], self._scheme, authority)
            headers.append((b"forwarded", field))
        return self._peer

    def _believe(
        self, claims: Sequence[Field], authority: bytes, trusted: TrustedProxies
    ) -> tuple[list[Field], str, str]:
        by_name: dict[bytes, list[bytes]] = {}
        for name, value in claims:
            by_name.setdefault(name, []).append(value)
        elements = _parse_forwarded(by_name.get(b"forwarded", ()))
        if b"x-forwarded-for" in by_name:
            chain = _believed(_list_items(by_name[b"x-forwarded-for"]), trusted)
            element: dict[str, str] = {}
        else:
            chain = _believed([each.get("for", "") for each in elements], trusted)
            element = elements[-max(1, len(chain))] if elements else {}
        hops = max(1, len(chain))
        proto = _nth(by_name.get(b"x-forwarded-proto", ()), hops) or element.get("proto", "")
        host = _nth(by_name.get(b"x-forwarded-host", ()), hops) or element.get("host", "")
        proto = proto.lower() if proto.lower() in _DEFAULT_PORTS else ""
        host = host if _HOST.fullmatch(host) else ""
        chain.append(self._peer)
        told = authority if not host else host.encode()
        port = _port(_nth(by_name.get(b"x-forwarded-port", ()), hops))
        if not port:
            port = self._port_of(told, proto) if proto or host else self._server_port
        told_proto = proto or self._scheme
        fields = [
            (b"x-forwarded-for", ", ".join(chain).encode()),
            (b"x-forwarded-proto", told_proto.encode()),
            (b"x-forwarded-port", port),
        ]
        if told:
            fields.append((b"x-forwarded-host", told))
        if b"forwarded" in by_name:
            fields.append((b"forwarded", _forwarded_field(chain, told_proto, told)))
        fields.extend((name, chain[0].encode()) for name in _SINGLE if name in by_name)
        fields.extend(claim for claim in claims if claim[0] not in _REWRITTEN)
        return fields, chain[0], told_proto

    def _port_of(self, authority: bytes, proto: str) -> bytes:
        match = _HOST.fullmatch(authority.decode("latin-1"))
        explicit = _port(match[1] or "") if match else b""
        return explicit or _DEFAULT_PORTS[proto or self._scheme]


_SINGLE = (b"x-real-ip", b"x-client-ip", b"true-client-ip")
"""Fields that name the client alone; only ever sent on with the address that we found."""
_REWRITTEN: Final = frozenset(
    (
        *_SINGLE,
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-forwarded-host",
    )
)


def _list_items(values: Sequence[bytes]) -> list[str]:
    """Return the last items of a comma-separated field, in order; at most MAX_HOPS + 1."""
    joined = (values[0] if len(values) == 1 else b",".join(values)).decode("latin-1")
    if "," not in joined:
        item = joined.strip(" \t")
        return [item] if item else []
    items = [item.strip(" \t") for item in joined.rsplit(",", MAX_HOPS)]
    return [item for item in items if item]  # RFC 9110, section 5.6.1.2: empty ones are ignored


def _believed(nodes: Sequence[str], trusted: TrustedProxies) -> list[str]:
    """Return the addresses that trusted proxies wrote, in order; the client is the first."""
    chain: list[str] = []
    for node in reversed(nodes[-MAX_HOPS:]):
        address = trusted.address_of(node)
        if address is None:  # `unknown`, `_hidden` and garbage: nobody knows what is left of it
            break
        chain.append(address)
        if not trusted.contains(address):
            break
    chain.reverse()
    return chain


def _nth(values: Sequence[bytes], hops: int) -> str:
    """Return the item that was written where the client was seen: `hops` from the right.

    Most proxies replace the field, so that it has one item; some append as with addresses.
    """
    if not values:
        return ""
    items = _list_items(values)
    return items[-min(hops, len(items))] if items else ""


def _port(text: str) -> bytes:
    """Return a port number as sent on, empty when it is none."""
    good = text.isascii() and text.isdigit() and len(text) <= len("65535")
    return text.encode() if good and 0 < int(text) <= _MAX_PORT else b""


def _parse_forwarded(values: Sequence[bytes]) -> list[dict[str, str]]:
    """Return the elements of `Forwarded` (RFC 7239, section 4), names in lower case.

    A field that breaks the grammar anywhere is worth nothing: where its elements end is anyone's
    guess, and a guess may be made to differ.
    """
    text = b",".join(values).decode("latin-1").strip(" \t")
    if len(text) > MAX_FORWARDED:
        return []
    elements: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        pair = _PAIR.match(text, at)
        if pair is not None:
            if elements[-1].setdefault(pair[1].lower(), _unquote(pair[2])) != _unquote(pair[2]):
                return []
            at = pair.end()
        separator = _SEPARATOR.match(text, at)
        if separator is None:
            return []
        at = separator.end()
        if separator[1] == ",":
            elements.append({})
    return [element for element in elements if element]


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _forwarded_field(chain: Sequence[str], scheme: str, authority: bytes) -> bytes:
    """Write `Forwarded`: the client's element tells host and scheme, each hop's its address."""
    nodes = [f'for="[{each}]"' if ":" in each else f"for={each}" for each in chain]
    host = authority.decode("latin-1")
    nodes[0] += f";proto={scheme}"
    if _HOST.fullmatch(host):
        nodes[0] += f';host="{host}"'
    return ", ".join(nodes).encode()
