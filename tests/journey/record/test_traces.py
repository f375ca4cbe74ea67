from __future__ import annotations

import threading
from dataclasses import replace

import msgspec
import pytest

from sluicegate.journey.record.traces import Config, Policy
from sluicegate.metrics import Metrics
from sluicegate.model.units import convert
from sluicegate.telemetry.spans import SpanQueue
from support.exchanges import exchange, parts, run
from support.mock_clock import MockClock

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def spans() -> SpanQueue:
    return SpanQueue(10_000, 100, threading.Event(), Metrics())


def policy(spans: SpanQueue | None, **settings: object) -> Policy:
    return Policy(convert(settings, Config), replace(parts(MockClock()), spans=spans))


def test_one_in_a_hundred_is_traced_unless_told() -> None:
    assert Config().sample == 0.01
    assert Config().parent == "trust"


@pytest.mark.parametrize("share", [-0.1, 1.1, "all"])
def test_a_share_is_from_0_to_1(share: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert({"sample": share}, Config)


def test_what_is_sampled_is_recorded(spans: SpanQueue) -> None:
    run(policy(spans, sample=1), exchange(headers={"traceparent": TRACEPARENT}))
    assert [record.parent_id for record in spans.take(10)] == ["00f067aa0ba902b7"]


def test_a_trusted_proxy_decides_unless_it_is_to_be_ignored(spans: SpanQueue) -> None:
    for parent in ("trust", "ignore"):
        asked = exchange(headers={"traceparent": TRACEPARENT})
        asked.client.trusted = True
        run(policy(spans, sample=0, parent=parent), asked)
    assert len(spans) == 1


def test_strangers_are_drawn_from_by_their_share(spans: SpanQueue) -> None:
    made = policy(spans, sample=0.5)
    for _ in range(400):
        run(made, exchange(headers={"traceparent": TRACEPARENT}))
    assert 100 < len(spans) < 300  # ten standard deviations to each side


def test_without_an_exporter_there_is_no_policy() -> None:
    with pytest.raises(ValueError, match="`tracing"):
        policy(None)
