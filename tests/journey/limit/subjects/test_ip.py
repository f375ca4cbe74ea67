"""By address: what counts as one client."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.subjects.ip import prefix, subject
from support.exchanges import exchange


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unix:", "unix:"),
        ("nonsense", "nonsense"),
    ],
)
def test_an_ipv4_address_counts_alone_and_an_ipv6_network_as_one(
    address: str, network: str
) -> None:
    assert subject("")(exchange(client_ip=address)) == network


@pytest.mark.parametrize(
    ("written", "address", "network"),
    [
        ("/24", "192.0.2.7", "192.0.2.0/24"),
        ("/24", "::ffff:192.0.2.7", "192.0.2.0/24"),
        ("/24", "2001:db8:1:2:3::", "2001:db8:1:2::/64"),
        ("/24,48", "2001:db8:1:2:3::", "2001:db8:1::/48"),
        ("/1,1", "192.0.2.7", "128.0.0.0/1"),
        ("/32,128", "2001:db8::1", "2001:db8::1/128"),
        ("/24", "nonsense", "nonsense"),
    ],
)
def test_prefixes_of_other_lengths_count_as_one(written: str, address: str, network: str) -> None:
    assert subject(written)(exchange(client_ip=address)) == network


@given(st.ip_addresses(), st.integers(1, 31), st.integers(1, 128))
def test_a_prefix_is_the_network_of_that_length(address: object, v4: int, v6: int) -> None:
    text = str(address)
    bits = v4 if ip_address(text).version == 4 else v6
    found = prefix(v4, v6)(text)
    if not found.startswith("::ffff:") and getattr(address, "ipv4_mapped", None) is None:
        assert ip_network(found) == ip_network(f"{text}/{bits}", strict=False)


@pytest.mark.parametrize("wrong", ["/0", "/33", "/24,0", "/24,129", "/", ":24", "/a", "/24,"])
def test_lengths_that_no_address_has_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="write `ip`, or lengths of prefixes: `ip/24`"):
        subject(wrong)
