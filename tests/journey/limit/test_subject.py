"""Whom a limit counts."""

from __future__ import annotations

import pytest

from sluicegate.journey.limit.subject import ip_prefix, subject_of
from support.exchanges import exchange


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002::/64"),
        ("2001:db8:1:2::", "2001:0db8:0001:0002::/64"),
        ("::1", "0000:0000:0000:0000::/64"),
        ("fe80::1%eth0", "fe80:0000:0000:0000::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv4_address_counts_alone_and_an_ipv6_network_as_one(address: str, prefix: str) -> None:
    assert ip_prefix(address) == prefix


def test_a_consumer_is_counted_by_name_wherever_they_call_from() -> None:
    by = subject_of(["consumer"])
    here, there = exchange(client_ip="192.0.2.1"), exchange(client_ip="192.0.2.2")
    here.consumer_name = there.consumer_name = "ann"
    assert by(here) == by(there)


def test_who_is_anonymous_is_counted_by_address_and_never_as_a_consumer() -> None:
    by = subject_of(["consumer"])
    named = exchange()
    named.consumer_name = by(exchange(client_ip="192.0.2.1"))
    assert by(named) != named.consumer_name
    assert by(exchange(client_ip="192.0.2.1")) != by(exchange(client_ip="192.0.2.2"))


def test_keys_of_one_consumer_are_told_apart() -> None:
    by = subject_of(["key"])
    one, other = exchange(), exchange()
    one.key_id, other.key_id = "k1", "k2"
    assert by(one) != by(other)
    assert by(exchange()) == "anonymous:192.0.2.7"


def test_a_header_counts_by_its_value_and_requests_without_it_share() -> None:
    by = subject_of(["header:X-Tenant"])
    assert by(exchange(headers={"x-tenant": "a"})) != by(exchange(headers={"x-tenant": "b"}))
    assert by(exchange()) == by(exchange(client_ip="192.0.2.9"))
    assert by(exchange()) != by(exchange(headers={"x-tenant": "-"}))
    assert by(exchange()) != by(exchange(headers={"x-tenant": ""}))


def test_a_long_header_takes_little_room() -> None:
    by = subject_of(["header:cookie"])
    long, other = "x" * 60_000, "x" * 60_000 + "y"
    assert len(by(exchange(headers={"cookie": long}))) < 70
    assert by(exchange(headers={"cookie": long})) != by(exchange(headers={"cookie": other}))


def test_a_list_counts_each_combination() -> None:
    by = subject_of(["route", "ip"])
    assert by(exchange(route="a")) != by(exchange(route="b"))
    assert by(exchange(route="a")) != by(exchange(route="a", client_ip="192.0.2.1"))
    assert by(exchange(route=None)) == "-\x1f192.0.2.7"


@pytest.mark.parametrize("wrong", [["user"], ["header:"], ["header:a b"], ["ip", "x"], []])
def test_an_unknown_kind_is_answered_with_those_there_are(wrong: list[str]) -> None:
    with pytest.raises(ValueError, match="write consumer, ip, route, key or header:<name>"):
        subject_of(wrong)
