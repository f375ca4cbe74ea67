"""Networks as they are written, and who is in them."""

from __future__ import annotations

import pytest

from sluicegate.journey.screen.networks import read_address, read_networks, within


@pytest.mark.parametrize(
    ("text", "network", "inside"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "::ffff:10.0.0.0/104", True),
        ("2001:db8::9%eth0", "2001:db8::/32", True),
        ("2001:db9::9", "2001:db8::/32", False),
    ],
)
def test_an_address_is_found_in_its_network_however_it_is_written(
    text: str, network: str, *, inside: bool
) -> None:
    address = read_address(text)
    assert address is not None
    assert within(address, read_networks([network])) is inside


def test_what_is_no_address_is_none() -> None:
    assert read_address("unknown") is None


@pytest.mark.parametrize(
    ("text", "told"),
    [("10.0.0.0/33", "is no address or network"), ("10.0.0.1/8", "write `10.0.0.0/8`")],
)
def test_a_network_that_cannot_be_is_refused_with_how_to_write_it(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_networks([text])
