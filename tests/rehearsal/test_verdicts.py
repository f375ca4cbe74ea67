from __future__ import annotations

import pytest

from chaos.load import Result
from chaos.verdicts import DRAINED, KEPT, MIXED_UP, SAVABLE, TURNED_AWAY, Absence, Read
from rehearsal.verdicts import INGRESS, KILLED, ON_ITS_WAY, TOO_LARGE, Evidence

POD = "10.244.0.7"
DEATH = Absence(POD, 1.5, 1.5)


def lost(method: str = "GET", status: int = 503, problem: str = "", **fields: object) -> Result:
    values = {"body_bytes": 0, "started": 1.0, "ended": 2.0, **fields}
    return Result("id", method, status=status, problem=problem, **values)  # type: ignore[arg-type]


def why(result: Result, *deaths: Absence, read: bool = False, pod: str = POD) -> str:
    reads = [Read("upstream", result.method, "id", whole=False)] if read else []
    return Evidence(deaths, reads, {"id": pod}).lost_because(result)


@pytest.mark.parametrize(
    ("result", "read", "reason"),
    [
        (lost(), False, SAVABLE),
        (lost(), True, SAVABLE),
        (lost("PUT", body_bytes=KEPT + 1), False, SAVABLE),
        (lost("POST"), False, SAVABLE),
        (lost("POST"), True, DRAINED),
        (lost(status=200), True, DRAINED),
        (lost(status=200, problem="anothers-answer"), True, MIXED_UP),
        (lost(status=0, refused=True), False, TURNED_AWAY),
    ],
)
def test_nothing_may_fail_where_no_pod_is_killed(result: Result, read: bool, reason: str) -> None:  # noqa: FBT001
    assert why(result, read=read) == reason


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (lost(), SAVABLE),
        (lost("PUT", body_bytes=KEPT), SAVABLE),
        (lost("PUT", body_bytes=KEPT + 1), TOO_LARGE),
        (lost("POST"), INGRESS),
        (lost(status=200), KILLED),
        (lost(status=0, refused=True), TURNED_AWAY),
    ],
)
def test_a_killed_pod_takes_with_it_only_what_nobody_could_send_again(
    result: Result, reason: str
) -> None:
    assert why(result, DEATH) == reason


def test_a_post_that_the_upstream_has_read_can_be_saved_by_nobody() -> None:
    assert why(lost("POST"), DEATH, read=True) == ON_ITS_WAY


def test_a_death_excuses_nothing_that_another_pod_had_or_that_the_gateway_gave_up_itself() -> None:
    assert why(lost("POST"), DEATH, pod="10.244.0.8") == SAVABLE
    assert why(lost("POST"), DEATH, pod="-") == SAVABLE
    assert why(lost(status=200), DEATH, pod="10.244.0.8") == DRAINED
    assert why(lost("POST", problem="upstream-unreachable"), DEATH) == SAVABLE


def test_a_death_excuses_nothing_that_was_sent_after_it_or_answered_before() -> None:
    assert why(lost("POST", started=1.6), DEATH) == SAVABLE
    assert why(lost("POST", ended=1.4), DEATH) == SAVABLE
