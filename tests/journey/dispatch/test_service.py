"""To a service: choosing a target, and telling why there is none."""

from __future__ import annotations

import json
from pathlib import Path

from support.front import front, settles
from support.upstreams import Talk, echo

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_service_without_a_target_that_takes_any_gets_503(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        (target,) = at.plane.inner.snapshot.services["up"].targets  # type: ignore[union-attr]
        target.available = False
        answer = client.request(GET)
        assert answer.status == 503
        assert json.loads(answer.body)["type"] == "urn:sluicegate:problem:unavailable"
        target.available = True
        assert client.request(GET).status == 200


def test_calls_in_flight_are_counted_per_target(tmp_path: Path) -> None:
    async def silent(talk: Talk) -> None:
        await talk.head()
        await talk.gone()

    with front(tmp_path, silent) as at:
        (target,) = at.plane.inner.snapshot.services["up"].targets  # type: ignore[union-attr]
        with at.connect() as first, at.connect() as second:
            first.send(GET)
            second.send(GET)
            at.wait(lambda: target.in_flight == 2, "both are on their way")
        settles(at)
        assert target.in_flight == 0


def test_calls_go_to_the_targets_by_their_weights(tmp_path: Path) -> None:
    with front(tmp_path / "a", echo) as one, front(tmp_path / "b", echo) as two:
        targets = [{"url": one.upstream.url, "weight": 3}, {"url": two.upstream.url, "weight": 1}]
        service = {"targets": targets, "balance": "weighted_round_robin"}
        with front(tmp_path / "c", echo, service=service) as at, at.connect() as client:
            for _ in range(20):
                assert client.request(GET).status == 200
            assert (len(one.upstream.requests), len(two.upstream.requests)) == (15, 5)


def test_the_outcome_of_a_failed_attempt_is_logged(tmp_path: Path) -> None:
    async def breaks(talk: Talk) -> None:
        await talk.head()
        talk.reset()

    with front(tmp_path, breaks) as at, at.connect() as client:
        client.request(GET)
        at.wait(lambda: at.plane.logs, "it is logged")
        line = at.plane.logs[0]
        assert line["status"] == 502
        assert "reset" in line.values()
