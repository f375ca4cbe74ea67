from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.resilience import Breaker, Check, ConsistentHash, HashBalance
from sluicegate.model.service import Service
from sluicegate.model.units import convert


def service(**given: object) -> Service:
    made: Service = convert({"targets": ["http://a"], **given}, Service)
    return made


def test_failing_targets_are_left_out_and_retried_elsewhere_unless_told() -> None:
    made = service()
    assert made.breaker == Breaker()
    assert (made.breaker.window, made.breaker.min_calls, made.breaker.failures) == (100, 20, 50)
    assert (made.breaker.slow, made.breaker.open, made.breaker.probes) == (3, 60, 10)
    assert made.ejection is not None
    assert made.retry.attempts == 2
    assert made.check is made.hedge is made.concurrency is None


def test_breaker_and_ejection_can_be_turned_off() -> None:
    made = service(breaker=None, ejection=None)
    assert made.breaker is made.ejection is None


def test_a_check_is_a_connection_or_a_request() -> None:
    assert service(check={}).check == Check()
    assert service(check={"path": "/up"}).check == Check(path="/up")


def test_hashing_is_a_balance_with_settings() -> None:
    made = service(balance={"consistent_hash": {"by": "cookie:sid"}})
    assert made.balance == HashBalance(consistent_hash=ConsistentHash(by="cookie:sid"))


@pytest.mark.parametrize(
    "given",
    [
        {"balance": "random"},
        {"balance": {"consistent_hash": {"by": "path"}}},
        {"balance": {"consistent_hash": {"by": "header:"}}},
        {"check": {"path": "up"}},
        {"check": {"host": "a\r\nx: y"}},
        {"check": {"statuses": ["2xx"]}},
        {"check": {"statuses": []}},
        {"retry": {"attempts": 0}},
        {"retry": {"statuses": [200]}},
        {"breaker": {"failures": 0}},
        {"ejection": {"max_share": 101}},
        {"concurrency": {"limit": "some"}},
        {"hedge": {"percentile": 100}},
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        service(**given)
