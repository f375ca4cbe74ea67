"""`maintenance`: who is turned away, and with what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.journey.screen.maintenance import Config, Policy
from sluicegate.model.units import convert
from support.configuration import messages_of
from support.exchanges import exchange, parts, run
from support.mock_clock import MockClock

ROUTE = "routes: {x: {match: {path: /x}, policies: [{maintenance: %s}]}}\n"


def policy(**config: Any) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_everybody_is_told_to_come_back_whatever_they_wanted(method: str) -> None:
    sent = run(policy(), exchange(method))
    assert (sent.status, sent.header("retry-after")) == (503, "300")
    assert sent.problem()["type"] == "urn:sluicegate:problem:maintenance"
    assert "detail" not in sent.problem()


@pytest.mark.parametrize(
    ("written", "header"), [("90s", "90"), ("1500ms", "2"), ("2h", "7200"), ("0", None)]
)
def test_retry_after_is_in_whole_seconds(written: str, header: str | None) -> None:
    assert run(policy(retry_after=written), exchange()).header("retry-after") == header


def test_the_operators_words_are_the_detail() -> None:
    sent = run(policy(detail="back at noon"), exchange())
    assert sent.problem()["detail"] == "back at noon"


@pytest.mark.parametrize(
    ("address", "status"), [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("11.0.0.1", 503),
                            ("unknown", 503)],
)  # fmt: skip
def test_those_who_work_on_it_get_through(address: str, status: int) -> None:
    chosen = policy(**{"except": ["10.0.0.0/8"]})
    assert run(chosen, exchange(client_ip=address)).status == status


def test_a_network_that_cannot_be_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"write `10\.0\.0\.0/8`"):
        policy(**{"except": ["10.0.0.1/8"]})


def test_only_a_route_that_somebody_gets_through_needs_a_service() -> None:
    assert messages_of(ROUTE % "{}") == {}
    assert list(messages_of(ROUTE % "{except: [10.0.0.0/8]}")) == ["routes.x"]


def test_a_fault_of_its_own_is_the_only_one() -> None:
    found = messages_of(ROUTE % "{except: [nowhere]}")
    assert list(found) == ["routes.x.policies[0].maintenance"]
