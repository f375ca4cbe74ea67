from __future__ import annotations

import pytest

from support.configuration import messages_of


def test_ports_are_in_range() -> None:
    text = (
        "gateway: {listen: '0.0.0.0:65536'}\nmanagement: {listen: '[::1]:99999'}\n"
        "services: {a: {targets: ['http://a:99999', 'http://b:0', 'http://:80', 'http://[x']}}\n"
    )
    assert messages_of(text) == {
        "gateway.listen": "found port 65536; expected 0 to 65535",
        "management.listen": "found port 99999; expected 0 to 65535",
        "services.a.targets[0]": 'found "http://a:99999": Port out of range 0-65535',
        "services.a.targets[1]": "found port 0; expected 1 to 65535",
        "services.a.targets[2]": 'found "http://:80"; expected a host in it',
        "services.a.targets[3]": 'found "http://[x": Invalid IPv6 URL',
    }


@pytest.mark.parametrize("listen", ["8080", "host:", "host:x", "::1:80", "a b:1", "a:1\n"])
def test_what_to_listen_on_is_host_and_port(listen: str) -> None:
    found = messages_of(f"gateway: {{listen: {listen!r}}}\n")
    assert "expected" in found["gateway.listen"]


@pytest.mark.parametrize("listen", ["0.0.0.0:0", ":8080", "localhost:1", "[::]:443"])
def test_addresses_that_can_be_bound_are_taken(listen: str) -> None:
    assert messages_of(f"gateway: {{listen: '{listen}'}}\n") == {}


def test_both_ports_cannot_be_one() -> None:
    text = "gateway: {listen: '%s'}\nmanagement: {listen: '%s'}\n"
    assert messages_of(text % ("127.0.0.1:80", "127.0.0.1:80")) == {
        "management.listen": "the same address as `gateway.listen`; expected another port"
    }
    assert messages_of(text % ("127.0.0.1:0", "127.0.0.1:0")) == {}


@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ("gateway", "trusted_proxies"),
        ("gateway", "private_networks"),
        ("alerts", "private_networks"),
    ],
)
def test_networks_are_networks(section: str, setting: str) -> None:
    text = f"{section}: {{{setting}: [10.0.0.0/8, '::1', 10.0.0.1/8, proxy.local]}}\n"
    assert messages_of(text) == {
        f"{section}.{setting}[2]": 'found "10.0.0.1/8"; expected `10.0.0.0/8`',
        f"{section}.{setting}[3]": (
            'found "proxy.local"; expected a network such as `10.0.0.0/8` or `::1`'
        ),
    }


def test_the_proxy_protocol_needs_somebody_to_speak_it() -> None:
    assert messages_of("gateway: {proxy_protocol: true}\n") == {
        "gateway.proxy_protocol": "no client could connect; expected networks in `trusted_proxies`"
    }
