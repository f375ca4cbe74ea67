"""`ip_range`: which addresses may call."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.journey.screen import ip_range
from sluicegate.journey.screen.ip_range import Config, Policy
from sluicegate.model.units import convert
from support.exchanges import exchange, parts, run
from support.mock_clock import MockClock


def policy(**config: list[str]) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def status(chosen: Policy, address: str) -> int:
    return run(chosen, exchange(client_ip=address)).status


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.1.2.3", 200),
        ("11.1.2.3", 403),
        ("192.0.2.7", 200),
        ("192.0.2.8", 403),
        ("::ffff:10.1.2.3", 200),
        ("::ffff:11.1.2.3", 403),
        ("2001:db8::9", 200),
        ("2001:db8::9%eth0", 200),
        ("2001:db9::9", 403),
    ],
)
def test_only_who_is_allowed_may_call(address: str, expected: int) -> None:
    chosen = policy(allow=["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])
    assert [status(chosen, address) for _ in range(2)] == [expected, expected]


def test_who_is_denied_may_not_call_even_if_allowed() -> None:
    chosen = policy(allow=["10.0.0.0/8"], deny=["10.0.0.0/24"])
    assert [status(chosen, a) for a in ("10.0.0.1", "10.0.1.1")] == [403, 200]


def test_without_an_allow_list_everybody_else_may() -> None:
    chosen = policy(deny=["::ffff:10.0.0.0/104"])
    assert [status(chosen, a) for a in ("10.9.9.9", "11.0.0.1", "::1")] == [403, 200, 200]


def test_an_address_that_cannot_be_read_is_refused() -> None:
    assert status(policy(deny=["10.0.0.0/8"]), "unknown") == 403


def test_the_refusal_is_a_problem_that_shows_no_list() -> None:
    sent = run(policy(allow=["10.0.0.0/8"]), exchange())
    assert sent.problem()["type"] == "urn:sluicegate:problem:forbidden"
    assert b"10.0" not in sent.body


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ip_range, "MOST_REMEMBERED", 3)
    chosen = policy(deny=["10.0.0.1"])
    for last in range(10):
        assert status(chosen, f"10.0.0.{last}") == (403 if last == 1 else 200)
        assert len(chosen._known) <= 3


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"allow": ["10.0.0.1/8"]}, "`10.0.0.1/8` has bits beyond its prefix: write `10.0.0.0/8`"),
        ({"deny": ["example.com"]}, "`example.com` is no address or network"),
        ({"deny": ["10.0.0.0/33"]}, "is no address or network"),
        ({"allow": [], "deny": []}, "write `allow`, `deny` or both"),
    ],
)
def test_what_is_no_list_of_networks_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(config, Config)
    assert advice in str(caught.value)
