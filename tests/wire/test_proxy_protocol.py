from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.wire.proxy_protocol import (
    MAX_V1,
    MAX_V2,
    SIGNATURE,
    Header,
    ProxyProtocolError,
    parse,
)

ports = st.integers(0, 65535)
v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)


def v2(command: int, family: int, payload: bytes, length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return SIGNATURE + struct.pack("!BBH", command, family, size) + payload


def inet(source: str, destination: str, source_port: int, destination_port: int) -> bytes:
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    return addresses + struct.pack("!HH", source_port, destination_port)


def canonical(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return str(getattr(address, "ipv4_mapped", None) or address)


def test_version_1_gives_both_addresses() -> None:
    line = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
    assert parse(line + b"GET /") == Header(len(line), ("192.0.2.7", 56324), ("198.51.100.1", 443))


def test_version_1_unknown_leaves_the_sockets_addresses() -> None:
    assert parse(b"PROXY UNKNOWN\r\n") == Header(15, None, None)
    line = b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"
    assert parse(line) == Header(len(line), None, None)


def test_version_2_gives_both_addresses_and_skips_what_follows_them() -> None:
    tlvs = b"\x04\x00\x05hello"
    header = v2(0x21, 0x11, inet("192.0.2.7", "198.51.100.1", 56324, 443) + tlvs)
    assert parse(header + b"\x16\x03") == Header(
        len(header), ("192.0.2.7", 56324), ("198.51.100.1", 443)
    )


def test_a_mapped_ipv6_address_is_the_ipv4_address_that_it_holds() -> None:
    header = parse(v2(0x21, 0x21, inet("::ffff:192.0.2.7", "::1", 1, 2)))
    assert header is not None
    assert header.source == ("192.0.2.7", 1)


@pytest.mark.parametrize(
    "header",
    [
        v2(0x20, 0x00, b""),
        v2(0x20, 0x77, b"health check"),
        v2(0x21, 0x00, b"anything"),
        v2(0x21, 0x12, inet("192.0.2.7", "198.51.100.1", 1, 2)),
        v2(0x21, 0x31, b"/run/socket".ljust(216, b"\0")),
    ],
    ids=["local", "local-with-anything", "unspecified", "udp", "unix"],
)
def test_version_2_without_a_tcp_address_leaves_the_sockets_addresses(header: bytes) -> None:
    assert parse(header + b"rest") == Header(len(header), None, None)


@pytest.mark.parametrize(
    "buffer",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01",
        b"PROXX",
        b"PROXY\r\n",
        b"PROXY TCP4\r\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY tcp4 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n",
        b"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY UNKNOWN " + b"x" * MAX_V1,
        SIGNATURE[:5] + b"x",
        v2(0x11, 0x11, inet("192.0.2.7", "198.51.100.1", 1, 2)),
        v2(0x22, 0x11, inet("192.0.2.7", "198.51.100.1", 1, 2)),
        v2(0x21, 0x41, bytes(64)),
        v2(0x21, 0x13, bytes(64)),
        v2(0x21, 0x11, bytes(11)),
        v2(0x21, 0x21, bytes(35)),
        v2(0x21, 0x31, bytes(215)),
        v2(0x21, 0x11, b"", length=MAX_V2 - 15),
    ],
)
def test_anything_else_is_refused(buffer: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        parse(buffer)


def test_a_line_of_the_longest_allowed_length_is_read() -> None:
    address = b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    line = b"PROXY UNKNOWN " + address + b" " + address + b" 65535 65535\r\n"
    assert len(line) == MAX_V1
    assert parse(line) == Header(MAX_V1, None, None)


def test_a_version_2_header_of_the_longest_allowed_length_is_read() -> None:
    header = v2(0x21, 0x11, inet("192.0.2.7", "198.51.100.1", 1, 2).ljust(MAX_V2 - 16, b"\0"))
    assert parse(header) == Header(MAX_V2, ("192.0.2.7", 1), ("198.51.100.1", 2))


@given(st.one_of(st.tuples(v4, v4), st.tuples(v6, v6)), ports, ports, st.binary(max_size=64))
def test_both_versions_say_the_same_wherever_the_bytes_are_cut(
    pair: tuple[ipaddress.IPv4Address, ipaddress.IPv4Address],
    source_port: int,
    destination_port: int,
    rest: bytes,
) -> None:
    source, destination = pair
    version = source.version
    text = f"PROXY TCP{version} {source} {destination} {source_port} {destination_port}\r\n"
    binary = v2(
        0x21,
        0x11 if version == 4 else 0x21,
        inet(str(source), str(destination), source_port, destination_port),
    )
    expected = (canonical(source), source_port), (canonical(destination), destination_port)
    for header in (text.encode(), binary):
        for cut in range(len(header)):
            assert parse(header[:cut]) is None
        assert parse(header + rest) == Header(len(header), *expected)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=300).map(lambda tail: SIGNATURE + tail),
        st.binary(max_size=150).map(lambda tail: b"PROXY " + tail),
    )
)
def test_whatever_comes_it_is_a_header_an_unfinished_one_or_an_error(buffer: bytes) -> None:
    try:
        header = parse(buffer)
    except ProxyProtocolError:
        with pytest.raises(ProxyProtocolError):
            parse(buffer + b"more")
        return
    if header is None:
        assert len(buffer) < MAX_V2
    else:
        assert 0 < header.consumed <= len(buffer)
        assert parse(buffer[: header.consumed]) == header
