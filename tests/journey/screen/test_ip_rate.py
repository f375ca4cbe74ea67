"""`ip_rate`: an address is limited before anybody asks who it is."""

from __future__ import annotations

from typing import Any

import pytest

from sluicegate.journey.screen.ip_rate import Config, Policy
from sluicegate.model.units import convert
from sluicegate.snapshot.policies import PolicyCatalog
from support.exchanges import exchange, parts, run
from support.mock_clock import MockClock


def made(*allow: str, **more: Any) -> Policy:
    return Policy(convert({"allow": list(allow), **more}, Config), parts(MockClock()))


def test_it_stands_before_keys_are_looked_up() -> None:
    assert PolicyCatalog(()).find("ip_rate").stage == "screen"


def test_an_address_is_refused_past_its_limit_and_others_are_not() -> None:
    policy = made("2/day")
    assert [run(policy, exchange()).status for _ in range(3)] == [200, 200, 429]
    assert run(policy, exchange(client_ip="192.0.2.8")).status == 200


def test_who_calls_makes_no_difference() -> None:
    policy = made("1/day")
    for name, status in (("ann", 200), ("bob", 429)):
        asked = exchange()
        asked.consumer_name = name
        assert run(policy, asked).status == status


@pytest.mark.parametrize(
    ("settings", "first", "second"),
    [
        ({}, "2001:db8::1", "2001:db8::ffff:1"),
        ({"prefix_v6": 48}, "2001:db8::1", "2001:db8:0:9::1"),
        ({"prefix_v4": 24}, "192.0.2.7", "192.0.2.200"),
    ],
)
def test_addresses_of_one_prefix_share(settings: dict[str, Any], first: str, second: str) -> None:
    policy = made("1/day", **settings)
    assert [run(policy, exchange(client_ip=ip)).status for ip in (first, second)] == [200, 429]


def test_it_shares_no_counts_with_a_rate_limit_by_the_same_address() -> None:
    from sluicegate.journey.limit import rate_limit  # noqa: PLC0415 - short here

    other = rate_limit.Config(allow=["1/day"], by="ip/32,64")
    assert convert({"allow": ["1/day"]}, Config).identity != other.identity


def test_its_limits_are_called_apart_from_those_of_a_rate_limit_by_headers_and_metrics() -> None:
    sent = run(made("2/day"), exchange())
    assert str(sent.header("ratelimit-policy")) == '"ip_rate-2-day";q=2;w=86400'
    sent = run(made("2/day", name="edge"), exchange())
    assert str(sent.header("ratelimit-policy")) == '"edge-2-day";q=2;w=86400'


def test_shadow_refuses_nobody() -> None:
    policy = made("1/day", shadow=True)
    assert [run(policy, exchange()).status for _ in range(3)] == [200, 200, 200]
