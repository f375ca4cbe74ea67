from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import ConfigError
from sluicegate.upstream.address_guard import AddressGuard

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]
PRIVATE = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.8.8.8", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "192.0.2.1",
    "0.1.2.3", "240.0.0.1", "255.255.255.255",
    "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "2001:db8::1", "100::1",
]  # fmt: skip
NOWHERE = ["0.0.0.0", "::", "224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"]


def mapped(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(0xFFFF << 32 | int(inner))


def nat64(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(int(IPv6Address("64:ff9b::")) | int(inner))


def six_to_four(inner: IPv4Address) -> IPv6Address:
    return IPv6Address(0x2002 << 112 | int(inner) << 80 | 1)


def teredo(inner: IPv4Address, server: str = "65.54.227.120") -> IPv6Address:
    """The client's address is inverted (RFC 4380, section 4)."""
    prefix = 0x2001_0000 << 96 | int(IPv4Address(server)) << 64
    return IPv6Address(prefix | int(inner) ^ 0xFFFF_FFFF)


EMBEDDINGS = [mapped, nat64, six_to_four, teredo]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_name_may_lead_to_a_public_address(address: str) -> None:
    assert AddressGuard().allows(address)


@pytest.mark.parametrize("address", PRIVATE + NOWHERE)
def test_a_name_may_lead_nowhere_else(address: str) -> None:
    assert not AddressGuard().allows(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_network_in_the_setting_is_allowed_and_only_that(address: str) -> None:
    assert AddressGuard([address]).allows(address)
    assert not AddressGuard([address]).allows("fc00::2")
    assert not AddressGuard([address]).allows("10.0.0.2")


@pytest.mark.parametrize("address", NOWHERE)
def test_no_setting_allows_what_is_no_hosts_address(address: str) -> None:
    assert not AddressGuard(["0.0.0.0/0", "::/0"]).allows(address)
    if ":" not in address:
        assert not AddressGuard(["0.0.0.0/0"]).allows(str(mapped(IPv4Address(address))))


@pytest.mark.parametrize("embed", EMBEDDINGS)
@pytest.mark.parametrize("inner", [each for each in PRIVATE if ":" not in each])
def test_an_address_that_leads_to_an_ipv4_one_is_judged_by_that(
    inner: str, embed: type[IPv6Address]
) -> None:
    address = str(embed(IPv4Address(inner)))
    assert not AddressGuard().allows(address)
    assert AddressGuard([inner]).allows(address)
    assert AddressGuard([address]).allows(address)
    assert AddressGuard().allows(str(embed(IPv4Address("8.8.8.8"))))


def test_both_ends_of_a_teredo_tunnel_are_judged() -> None:
    assert not AddressGuard().allows(str(teredo(IPv4Address("8.8.8.8"), server="10.0.0.1")))


@pytest.mark.parametrize("address", ["::127.0.0.1", "::ffff:0:7f00:1", "64:ff9b:1::7f00:1"])
def test_other_ways_to_write_an_ipv4_address_are_not_public(address: str) -> None:
    assert not AddressGuard().allows(address)


def test_a_zone_is_no_part_of_the_address() -> None:
    assert not AddressGuard().allows("fe80::1%eth0")
    assert AddressGuard(["fe80::/10"]).allows("fe80::1%eth0")
    assert not AddressGuard().allows("::1%8.8.8.8")


@pytest.mark.parametrize("text", ["", "%", "users", "8.8.8.8.8", "127.1", "8.8.8.8/32"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not AddressGuard(["0.0.0.0/0", "::/0"]).allows(text)


def test_addresses_are_parted_in_their_order() -> None:
    found = AddressGuard(["10.0.0.0/8"]).judge(["::1", "10.0.0.9", "8.8.8.8", "127.0.0.1"])
    assert found == (["10.0.0.9", "8.8.8.8"], ["::1", "127.0.0.1"])


def test_each_network_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError) as wrong:
        AddressGuard(["10.0.0.0/8", "10.0.0.1/8", "::1", "cluster.local"])
    assert [fault.path for fault in wrong.value.faults] == [
        "gateway.private_networks[1]",
        "gateway.private_networks[3]",
    ]


@given(st.ip_addresses(v=4), st.sampled_from(EMBEDDINGS))
def test_no_embedding_is_a_way_around_the_guard(
    inner: IPv4Address, embed: type[IPv6Address]
) -> None:
    guard = AddressGuard(["10.0.0.0/8"])
    assert guard.allows(str(embed(inner))) == guard.allows(str(inner))


@given(st.ip_addresses())
def test_what_is_allowed_without_the_setting_is_public(address: IPv4Address | IPv6Address) -> None:
    if AddressGuard().allows(str(address)) and not getattr(address, "sixtofour", None):
        embedded = isinstance(address, IPv6Address) and (address.ipv4_mapped or address.teredo)
        assert embedded or not (address.is_private or address.is_loopback or address.is_link_local)
