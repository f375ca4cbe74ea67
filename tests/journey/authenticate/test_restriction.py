from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.authenticate.restriction import (
    MOST_REMEMBERED,
    NEVER_US,
    Restriction,
    restriction_of,
)
from sluicegate.model.consumer import Key
from sluicegate.model.name_pattern import NamePattern
from sluicegate.model.resource import FieldFault
from sluicegate.model.units import convert
from support.exchanges import exchange


def restriction(**bounds: Any) -> Restriction:
    made = restriction_of(convert(bounds, Key))
    assert made is not None
    return made


def test_a_key_without_bounds_has_no_restriction_at_all() -> None:
    assert restriction_of(Key(description="for people", scopes=["a"], plan="pro")) is None


@pytest.mark.parametrize(
    ("written", "good", "bad"),
    [
        ("orders", ["orders"], ["orders-v2", "my-orders", ""]),
        ("orders-*", ["orders-", "orders-v2"], ["orders", "my-orders-v2"]),
        ("*-orders", ["-orders", "my-orders"], ["my-orders-v2"]),
        ("*orders*", ["orders", "my-orders-v2"], ["order"]),
        ("*", ["", "anything"], []),
    ],
)
def test_routes_are_named_whole_or_by_a_part(written: str, good: list[str], bad: list[str]) -> None:
    made = restriction(routes=["elsewhere", written])
    for name in good:
        assert made.forbids(name, exchange().request) is None
    for name in bad:
        assert made.forbids(name, exchange().request) == "the key may not be used on this route"


@given(st.text(alphabet="ab", max_size=4), st.text(alphabet="ab", max_size=6))
def test_a_name_without_a_star_means_itself_only(written: str, name: str) -> None:
    assert NamePattern(written).matches(name) is (written == name)
    assert NamePattern(written + "*").matches(name) is name.startswith(written)


def test_get_takes_head_and_nothing_takes_more() -> None:
    made = restriction(methods=["GET", "PUT"])
    for method in ("GET", "HEAD", "PUT"):
        assert made.forbids("r", exchange(method).request) is None
    assert "POST" in str(made.forbids("r", exchange("POST").request))
    assert restriction(methods=["PUT"]).forbids("r", exchange("HEAD").request) is not None


def test_addresses_are_in_one_of_the_networks_ipv4_in_ipv6_too() -> None:
    made = restriction(ip_ranges=["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"])
    good = ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "2001:db8::1%eth0", "198.51.100.7")
    for address in (*good, *good):
        assert made.forbids("r", exchange(client_ip=address).request) is None
    for address in ("192.0.3.7", "2001:db9::1", "198.51.100.8", "unix", ""):
        assert "address" in str(made.forbids("r", exchange(client_ip=address).request))


def test_verdicts_are_kept_for_a_bounded_number_of_addresses() -> None:
    made = restriction(ip_ranges=["10.0.0.0/8"])
    for number in range(MOST_REMEMBERED + 10):
        address = f"10.0.{number // 256}.{number % 256}"
        assert made.forbids("r", exchange(client_ip=address).request) is None
    assert len(made._known) <= MOST_REMEMBERED


def test_everything_must_be_kept_at_once() -> None:
    made = restriction(routes=["r"], methods=["GET"], ip_ranges=["192.0.2.7"])
    assert made.forbids("r", exchange("GET").request) is None
    assert made.forbids("s", exchange("GET").request) is not None
    assert made.forbids("r", exchange("PUT").request) is not None
    assert made.forbids("r", exchange("GET", client_ip="192.0.2.8").request) is not None


def test_an_expiry_is_read_in_any_time_zone() -> None:
    for written in ("2027-01-15T08:00:00.5Z", "2027-01-15T10:00:00.5+02:00"):
        assert restriction(expires=written).expires_us == 1_800_000_000_500_000
    assert restriction(methods=["GET"]).expires_us == NEVER_US


@pytest.mark.parametrize(
    ("bounds", "part", "advice"),
    [
        ({"ip_ranges": ["10.0.0.0/8", "10.0.0.1/8"]}, ("ip_ranges", 1), "write `10.0.0.0/8`"),
        ({"ip_ranges": ["home"]}, ("ip_ranges", 0), "no address or network"),
        ({"routes": ["a", "b*c"]}, ("routes", 1), "one `*` at an end"),
        ({"routes": ["a**"]}, ("routes", 0), "one `*` at an end"),
    ],
)
def test_a_bound_that_cannot_be_read_is_a_fault_of_its_item(
    bounds: dict[str, Any], part: tuple[str, int], advice: str
) -> None:
    with pytest.raises(FieldFault, match=advice.replace("*", r"\*")) as caught:
        restriction(**bounds)
    assert caught.value.part == part


@pytest.mark.parametrize("beyond", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_a_time_that_utc_does_not_have_is_a_fault_of_the_field(beyond: str) -> None:
    with pytest.raises(FieldFault) as caught:
        restriction(expires=beyond)
    assert caught.value.part == ("expires",)
