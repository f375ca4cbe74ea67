from __future__ import annotations

import socket

import pytest

from sluicegate.admin.hosts import Hosts


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "10.1.2.3", "[::1]", socket.gethostname().lower()]
)
def test_addresses_and_names_of_this_machine_are_allowed(host: str) -> None:
    assert Hosts("127.0.0.1:9090").allows(host)


@pytest.mark.parametrize("host", ["attacker.example", "localhost.attacker.example", "127.1", ""])
def test_any_other_name_is_not_since_it_may_be_rebound(host: str) -> None:
    assert not Hosts("0.0.0.0:9090").allows(host)
    assert not Hosts(":9090").allows(host)


def test_the_name_that_is_listened_on_is_allowed() -> None:
    assert Hosts("gw.internal:9090").allows("gw.internal")
