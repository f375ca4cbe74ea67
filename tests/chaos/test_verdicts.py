from __future__ import annotations

import pytest

from chaos.load import LARGE, Result
from chaos.verdicts import (
    DRAINED,
    FALSE,
    GATEWAY,
    MIXED_UP,
    SAVABLE,
    TURNED_AWAY,
    Absence,
    Evidence,
    Line,
    Read,
    losses,
    percentile,
)

TARGETS = ("t0", "t1")


def lost(
    method: str = "GET", status: int = 502, problem: str = "upstream-failed", **fields: object
) -> Result:
    values = {"body_bytes": 0, "started": 1.0, "ended": 2.0, **fields}
    return Result("id", method, status=status, problem=problem, **values)  # type: ignore[arg-type]


def evidence(
    *absences: Absence, reads: tuple[Read, ...] = (), outcome: str = "", attempts: int = 1
) -> Evidence:
    return Evidence(TARGETS, absences, reads, {"id": Line(outcome, attempts)})


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (lost(), SAVABLE),
        (lost("PUT", body_bytes=1024), SAVABLE),
        (lost("PUT", body_bytes=LARGE), "the body was too large to be kept"),
        (lost("PUT", body_bytes=LARGE, problem="upstream-unreachable"), SAVABLE),
        (lost("POST"), "a POST was on its way"),
        (lost("POST", problem="upstream-unreachable"), SAVABLE),
        (lost("POST", 503, "unavailable"), SAVABLE),
        (lost(status=200, problem=""), "the answer had begun"),
        (lost(status=200, problem="anothers-answer"), MIXED_UP),
        (lost(status=0, problem=""), SAVABLE),
        (lost(status=0, problem="", refused=True), TURNED_AWAY),
    ],
)
def test_a_lost_request_could_be_saved_or_there_is_a_reason(result: Result, why: str) -> None:
    assert evidence().lost_because(result) == why


def test_one_of_two_absent_targets_is_no_excuse_and_both_are() -> None:
    one, other = Absence("t0", 1.5, 1.6), Absence("t1", 0.0, 1.2)
    assert evidence(one).lost_because(lost()) == SAVABLE
    assert evidence(one, other).lost_because(lost()) == "no target was there"
    assert evidence(one, Absence("t1", 2.1)).lost_because(lost()) == SAVABLE


def test_targets_that_are_back_have_two_seconds_to_be_taken_back() -> None:
    both = evidence(Absence("t0", 0.0, 0.5), Absence("t1", 0.0, 0.5))
    refused = lost(status=503, problem="unavailable")
    assert both.lost_because(refused) == "targets were back, and not yet taken back"
    assert both.lost_because(lost()) == SAVABLE
    later = lost(status=503, problem="unavailable", started=2.6, ended=2.7)
    assert both.lost_because(later) == SAVABLE


def test_a_gateway_that_is_away_is_an_excuse_only_without_an_answer() -> None:
    away = evidence(Absence(GATEWAY, 0.0))
    assert away.lost_because(lost(status=0, problem="", refused=True)) == "the gateway was away"
    assert away.lost_because(lost()) == SAVABLE


def test_a_drain_may_close_a_kept_connection_and_no_other_that_is_used() -> None:
    away = Absence(GATEWAY, 1.5)
    used = lost(status=0, problem="", reused=True)
    unread = Evidence(TARGETS, (away,), (), {})
    assert unread.lost_because(used) == "a kept connection was closed as it was used"
    assert unread.lost_because(lost(status=0, problem="")) == DRAINED
    assert evidence(away).lost_because(used) == DRAINED


def test_what_was_read_cannot_be_said_to_be_unsent() -> None:
    read = evidence(reads=(Read("t0", "POST", "id", whole=False),))
    assert read.lost_because(lost("POST", problem="upstream-unreachable")) == FALSE
    assert read.lost_because(lost("POST")) == "a POST was on its way"


def test_the_access_log_tells_two_kinds_of_time_outs_apart() -> None:
    late = lost("POST", 504, "upstream-timeout")
    assert evidence(outcome="connect_timeout").lost_because(late) == SAVABLE
    assert evidence(outcome="timeout").lost_because(late) == "a POST was on its way"


def test_a_request_is_read_twice_when_two_heads_are() -> None:
    reads = [
        Read(target, "POST", "id", whole=whole) for target in TARGETS for whole in (False, True)
    ]
    assert evidence(reads=tuple(reads)).twice("POST") == 1
    assert evidence(reads=tuple(reads)).twice("PUT") == 0
    assert evidence(reads=tuple(reads[:2])).twice("POST") == 0


def test_a_request_is_saved_when_it_is_answered_after_more_than_one_attempt() -> None:
    good = lost(status=200, problem="", whole=True)
    assert evidence(attempts=2).saved(good)
    assert not evidence().saved(good)
    assert not evidence(attempts=2).saved(lost())


def test_losses_are_counted_by_reason() -> None:
    good = lost(status=200, problem="", whole=True)
    assert losses([good, lost(), lost()], evidence()) == {SAVABLE: 2}


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentile([], 99) == 0
    assert percentile([3, 1, 2], 50) == 2
    assert percentile(range(100), 99) == 99
