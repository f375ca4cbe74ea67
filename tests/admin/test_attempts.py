from __future__ import annotations

from sluicegate.admin.attempts import ADDRESSES, MOST, WINDOW_S, Attempts
from support.mock_clock import MockClock


def failed(attempts: Attempts, address: str, times: int = MOST) -> None:
    for _ in range(times):
        attempts.failed(address)


def test_the_tenth_failure_makes_an_address_wait_until_its_minute_is_over() -> None:
    clock = MockClock()
    attempts = Attempts(clock)
    failed(attempts, "192.0.2.1", MOST - 1)
    assert attempts.wait_s("192.0.2.1") == 0
    clock.advance(20)
    failed(attempts, "192.0.2.1", 1)
    assert attempts.wait_s("192.0.2.1") == WINDOW_S - 20
    clock.advance(WINDOW_S - 20)
    assert attempts.wait_s("192.0.2.1") == 0


def test_others_do_not_wait() -> None:
    attempts = Attempts(MockClock())
    failed(attempts, "192.0.2.1")
    assert attempts.wait_s("192.0.2.2") == 0


def test_addresses_of_one_ipv6_network_are_one_and_a_mapped_one_is_ipv4() -> None:
    attempts = Attempts(MockClock())
    failed(attempts, "2001:db8::1")
    failed(attempts, "::ffff:192.0.2.1")
    assert attempts.wait_s("2001:db8::2")
    assert not attempts.wait_s("2001:db8:0:1::2")
    assert attempts.wait_s("192.0.2.1")


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts(MockClock())
    for number in range(ADDRESSES + 10):
        attempts.failed(f"10.0.{number // 256}.{number % 256}")
    assert len(attempts._failures) == ADDRESSES
