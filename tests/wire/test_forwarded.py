from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import ConfigError
from sluicegate.exchange import Client
from sluicegate.headers import Headers
from sluicegate.wire.forwarded import (
    MAX_HOPS,
    MEMO_SIZE,
    Forwarding,
    TrustedProxies,
    plain_address,
)

TRUSTED = TrustedProxies(["10.0.0.0/8", "2001:db8:1::/48", "127.0.0.1"])

Claims = list[tuple[bytes, bytes]]


def forward(
    claims: Claims, peer: str = "10.0.0.1", authority: bytes = b"api.example"
) -> tuple[str, dict[bytes, bytes]]:
    client = Client(peer, 55555, "http", 8080)
    client.trusted = TRUSTED.contains(peer)
    headers = Headers([(b"accept", b"*/*")])
    address = Forwarding(client, TRUSTED).add_to(headers, claims, authority)
    added = headers[1:]
    assert headers[0] == (b"accept", b"*/*")
    assert len({name for name, _ in added}) == len(added)
    return address, dict(added)


# --- who is trusted ----------------------------------------


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
        ("2001:db8:1:2::3", True),
        ("2001:db8:2::3", False),
        ("::ffff:10.0.0.1", True),
        ("fe80::1%eth0", False),
        ("no address", False),
        ("", False),
    ],
)
def test_an_address_is_trusted_when_a_network_holds_it(ip: str, *, expected: bool) -> None:
    assert TRUSTED.contains(ip) is expected
    assert TRUSTED.contains(ip) is expected


def test_wrong_networks_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        TrustedProxies(["10.0.0.0/8", "10.0.0.1/8", "proxy.example"])
    assert [fault.path for fault in caught.value.faults] == [
        "gateway.trusted_proxies[1]",
        "gateway.trusted_proxies[2]",
    ]
    assert "10.0.0.1/8" in caught.value.faults[0].message


def test_a_flood_of_addresses_does_not_grow_the_memo() -> None:
    trusted = TrustedProxies(["10.0.0.0/8"])
    for number in range(2 * MEMO_SIZE):
        trusted.contains(f"192.168.{number // 256}.{number % 256}")
        trusted.address_of(f"192.168.{number // 256}.{number % 256}:80")
    assert len(trusted._memo) <= MEMO_SIZE
    assert len(trusted._nodes) <= MEMO_SIZE
    assert trusted.contains("10.1.1.1")


# --- X-Forwarded-For ----------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], "10.0.0.1"),
        ([b"203.0.113.7"], "203.0.113.7"),
        ([b"203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        ([b"6.6.6.6, 203.0.113.7,10.0.0.2"], "203.0.113.7"),
        ([b"6.6.6.6", b"203.0.113.7", b"10.0.0.2"], "203.0.113.7"),
        ([b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ([b"203.0.113.7:4711, 10.0.0.2:80"], "203.0.113.7"),
        ([b"[2001:db8::1]:4711"], "2001:db8::1"),
        ([b"[2001:db8::1]"], "2001:db8::1"),
        ([b"2001:DB8:0::1"], "2001:db8::1"),
        ([b"::ffff:203.0.113.7"], "203.0.113.7"),
        ([b"203.0.113.7,, ,10.0.0.2,"], "203.0.113.7"),
        ([b"203.0.113.7, garbage, 10.0.0.2"], "10.0.0.2"),
        ([b"203.0.113.7, unknown"], "10.0.0.1"),
        ([b"203.0.113.777"], "10.0.0.1"),
        ([b"203.0.113.7:99999999"], "10.0.0.1"),
        ([b"203.0.113.7\xff"], "10.0.0.1"),
        ([b"fe80::1%eth0"], "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_untrusted_address_from_the_right(
    values: list[bytes], expected: str
) -> None:
    address, sent = forward([(b"x-forwarded-for", value) for value in values])
    assert address == expected
    assert sent[b"x-forwarded-for"].split(b", ")[0].decode() == expected
    assert sent[b"x-forwarded-for"].endswith(b"10.0.0.1")


def test_an_endless_chain_of_trusted_addresses_is_not_followed() -> None:
    long = b",".join([b"203.0.113.7"] + [b"10.0.0.2"] * (MAX_HOPS + 5))
    address, sent = forward([(b"x-forwarded-for", long)])
    assert address == "10.0.0.2"
    assert len(sent[b"x-forwarded-for"].split(b",")) == MAX_HOPS + 1


# --- what targets are told ----------------------------------------


def test_without_claims_the_target_is_told_about_the_connection() -> None:
    for peer in ("203.0.113.9", "10.0.0.1"):
        assert forward([], peer) == (
            peer,
            {
                b"x-forwarded-for": peer.encode(),
                b"x-forwarded-proto": b"http",
                b"x-forwarded-port": b"8080",
                b"x-forwarded-host": b"api.example",
            },
        )


def test_claims_of_an_untrusted_peer_are_replaced() -> None:
    claims: Claims = [
        (b"x-forwarded-for", b"1.2.3.4"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"evil.example"),
        (b"x-forwarded-port", b"1"),
        (b"x-forwarded-prefix", b"/evil"),
        (b"x-real-ip", b"1.2.3.4"),
    ]
    assert forward(claims, "203.0.113.9") == forward([], "203.0.113.9")


def test_forwarded_of_an_untrusted_peer_is_replaced_by_ours() -> None:
    _, sent = forward([(b"forwarded", b"for=1.2.3.4;host=evil.example")], "2001:db8::9")
    assert sent[b"forwarded"] == b'for="[2001:db8::9]";proto=http;host="api.example"'


def test_claims_of_a_trusted_peer_are_extended() -> None:
    claims: Claims = [
        (b"x-forwarded-for", b"6.6.6.6, 203.0.113.7, 10.0.0.2"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"www.example:8443"),
        (b"x-forwarded-prefix", b"/shop"),
        (b"x-real-ip", b"6.6.6.6"),
        (b"true-client-ip", b"6.6.6.6"),
    ]
    assert forward(claims) == (
        "203.0.113.7",
        {
            b"x-forwarded-for": b"203.0.113.7, 10.0.0.2, 10.0.0.1",
            b"x-forwarded-proto": b"https",
            b"x-forwarded-host": b"www.example:8443",
            b"x-forwarded-port": b"8443",
            b"x-forwarded-prefix": b"/shop",
            b"x-real-ip": b"203.0.113.7",
            b"true-client-ip": b"203.0.113.7",
        },
    )


def test_each_request_of_a_connection_is_told_about_its_own_client() -> None:
    client = Client("10.0.0.1", 55555, "http", 8080)
    client.trusted = True
    forwarding = Forwarding(client, TRUSTED)

    def told(address: bytes, authority: bytes) -> tuple[str, Headers]:
        headers = Headers()
        return forwarding.add_to(headers, [(b"x-forwarded-for", address)], authority), headers

    for _ in range(2):
        assert told(b"203.0.113.7", b"a.example")[0] == "203.0.113.7"
        assert told(b"203.0.113.8", b"a.example")[0] == "203.0.113.8"
        assert told(b"203.0.113.8", b"b.example")[1].get(b"x-forwarded-host") == b"b.example"


def test_the_port_follows_from_the_scheme_that_the_client_used() -> None:
    assert forward([(b"x-forwarded-proto", b"https")])[1][b"x-forwarded-port"] == b"443"
    assert forward([(b"x-forwarded-host", b"www.example")])[1][b"x-forwarded-port"] == b"80"
    told: Claims = [(b"x-forwarded-proto", b"https"), (b"x-forwarded-port", b"9443")]
    assert forward(told)[1][b"x-forwarded-port"] == b"9443"


def test_of_a_list_the_item_written_beside_the_client_counts() -> None:
    claims: Claims = [
        (b"x-forwarded-for", b"6.6.6.6, 203.0.113.7, 10.0.0.2"),
        (b"x-forwarded-proto", b"http, https, http"),
        (b"x-forwarded-host", b"evil.example, www.example, inner.example"),
    ]
    _, sent = forward(claims)
    assert sent[b"x-forwarded-proto"] == b"https"
    assert sent[b"x-forwarded-host"] == b"www.example"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x-forwarded-for", b"for=1.2.3.4"),
        (b"x-forwarded-proto", b"gopher"),
        (b"x-forwarded-host", b'a"b'),
        (b"x-forwarded-host", b"a b"),
        (b"x-forwarded-host", b"a:port"),
        (b"x-forwarded-port", b"0"),
        (b"x-forwarded-port", b"65536"),
        (b"x-forwarded-port", b"+1"),
        (b"x-forwarded-port", b"\xb2"),
    ],
)
def test_what_a_trusted_peer_garbled_is_dropped(name: bytes, value: bytes) -> None:
    assert forward([(name, value)]) == forward([])


def test_without_a_host_none_is_made_up() -> None:
    assert b"x-forwarded-host" not in forward([], authority=b"")[1]
    assert forward([(b"forwarded", b"for=_")], authority=b"")[1][b"forwarded"] == (
        b"for=10.0.0.1;proto=http"
    )


# --- Forwarded (RFC 7239) ----------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"for=203.0.113.7", "203.0.113.7"),
        (b"For=203.0.113.7;Proto=https;by=10.0.0.1", "203.0.113.7"),
        (b'for="203.0.113.7:4711"', "203.0.113.7"),
        (b'for="[2001:db8::1]:4711"', "2001:db8::1"),
        (b"for=6.6.6.6, for=203.0.113.7 , for=10.0.0.2", "203.0.113.7"),
        (b'for=203.0.113.7;ext="a,b;for=1.1.1.1"', "203.0.113.7"),
        (b'for="203.0.113\\.7"', "203.0.113.7"),
        (b"for=203.0.113.7, for=unknown", "10.0.0.1"),
        (b"for=203.0.113.7, for=_gazonk, for=10.0.0.2", "10.0.0.2"),
        (b"for=203.0.113.7, proto=http", "10.0.0.1"),
        (b'for="203.0.113.7', "10.0.0.1"),
        (b"for=203.0.113.7 for=1.1.1.1", "10.0.0.1"),
        (b"for=203.0.113.7;for=1.1.1.1", "10.0.0.1"),
        (b"for =203.0.113.7", "10.0.0.1"),
        (b"for=", "10.0.0.1"),
        (b"for=203.0.113.7" + b"," * 5000, "10.0.0.1"),
    ],
)
def test_forwarded_tells_the_client_where_the_older_field_is_absent(
    value: bytes, expected: str
) -> None:
    address, sent = forward([(b"forwarded", value)])
    assert address == expected
    assert sent[b"x-forwarded-for"].split(b", ")[0].decode() == expected


def test_scheme_and_host_come_from_the_clients_element() -> None:
    value = (
        b'for=6.6.6.6;host=evil.example, for=203.0.113.7;proto=HTTPS;host="www.example:8443",'
        b"for=10.0.0.2;proto=http"
    )
    _, sent = forward([(b"forwarded", value)])
    assert sent == {
        b"x-forwarded-for": b"203.0.113.7, 10.0.0.2, 10.0.0.1",
        b"x-forwarded-proto": b"https",
        b"x-forwarded-port": b"8443",
        b"x-forwarded-host": b"www.example:8443",
        b"forwarded": (
            b'for=203.0.113.7;proto=https;host="www.example:8443", for=10.0.0.2, for=10.0.0.1'
        ),
    }


def test_x_forwarded_for_decides_where_both_are_present() -> None:
    claims: Claims = [
        (b"forwarded", b"for=6.6.6.6;proto=https;host=evil.example"),
        (b"x-forwarded-for", b"203.0.113.7"),
    ]
    address, sent = forward(claims)
    assert address == "203.0.113.7"
    assert sent[b"forwarded"] == (b'for=203.0.113.7;proto=http;host="api.example", for=10.0.0.1')
    assert sent[b"x-forwarded-proto"] == b"http"


# --- nothing gets through ----------------------------------------


names = st.sampled_from(
    [
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-real-ip",
    ]
)
pieces = st.sampled_from(
    ["10.0.0.2", "203.0.113.7", "[2001:db8::1]", "for=", ",", ";", '"', "\\", "https", "a:1", " "]
)
values = st.one_of(
    st.binary(max_size=40), st.lists(pieces, max_size=8).map(lambda parts: "".join(parts).encode())
)
ADDRESS = r"[0-9a-f.:]+"
ELEMENT = rf'for=(?:[0-9.]+|"\[{ADDRESS}\]")'
FORWARDED = re.compile(
    rf'{ELEMENT};proto=(?:https?|wss?)(?:;host="[A-Za-z0-9._~:\[\]-]+")?(?:, {ELEMENT})*'
)


@given(st.lists(st.tuples(names, values), max_size=6), st.sampled_from(["10.0.0.1", "8.8.8.8"]))
def test_whatever_is_claimed_only_well_formed_fields_are_sent(claims: Claims, peer: str) -> None:
    address, sent = forward(claims, peer)
    chain = sent[b"x-forwarded-for"].decode().split(", ")
    assert [str(ip_address(each)) for each in chain] == chain
    assert (chain[0], chain[-1]) == (address, peer)
    assert all(TRUSTED.contains(each) for each in chain[1:])
    assert sent[b"x-forwarded-proto"] in (b"http", b"https", b"ws", b"wss")
    assert 0 < int(sent[b"x-forwarded-port"]) < 65536
    assert re.fullmatch(rb"[A-Za-z0-9._~:\[\]-]+", sent[b"x-forwarded-host"])
    if b"forwarded" in sent:
        assert FORWARDED.fullmatch(sent[b"forwarded"].decode())
    if b"x-real-ip" in sent:
        assert sent[b"x-real-ip"].decode() == address


@given(st.text(max_size=50))
def test_an_address_is_canonical_or_none(text: str) -> None:
    plain = plain_address(text)
    assert plain is None or plain_address(plain) == plain
