"""What follows from the results of checks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.resilience import Check
from sluicegate.model.units import Duration
from sluicegate.upstream.health.findings import AWAY_S, LEAST_S, Findings

NOW = 1000.0


def check(**config: Any) -> Check:
    return Check(**{"interval": Duration(5), "healthy": 2, "unhealthy": 3, **config})


def after(findings: Findings, results: str, now: float = NOW) -> list[str | None]:
    """Return what each result leads to: `+` passed, `-` failed."""
    return [findings.took(now, passed=result == "+") for result in results]


def test_a_target_that_was_never_checked_is_up() -> None:
    findings = Findings(check())
    assert not findings.down
    assert after(findings, "++") == [None, None]


def test_so_many_failures_in_a_row_take_it_down_and_so_many_passes_bring_it_back() -> None:
    findings = Findings(check())
    assert after(findings, "--+---") == [None] * 5 + ["down"]
    assert after(findings, "--+-++") == [None] * 5 + ["up"]


def test_it_is_looked_at_twice_a_second_while_it_is_away() -> None:
    findings = Findings(check(unhealthy=1))
    assert findings.pause(NOW) == 5
    after(findings, "-")
    assert findings.pause(NOW) == AWAY_S
    after(findings, "++")
    assert findings.pause(NOW) == 5
    findings.out(NOW + 30, unreachable=False)
    assert findings.pause(NOW) == AWAY_S
    assert findings.pause(NOW + 30) == 5


def test_a_shorter_interval_holds_for_what_is_away_too_and_none_is_too_short() -> None:
    findings = Findings(check(interval=Duration(0.2), unhealthy=1))
    after(findings, "-")
    assert findings.pause(NOW) == 0.2
    assert Findings(check(interval=Duration(0))).pause(NOW) == LEAST_S


def test_without_a_check_only_what_is_left_out_is_looked_at() -> None:
    findings = Findings(None)
    assert findings.pause(NOW) is None
    findings.out(NOW + 30, unreachable=False)
    assert findings.pause(NOW) == AWAY_S
    assert findings.pause(NOW + 30) is None


def test_what_could_not_be_connected_to_is_back_at_the_first_connection() -> None:
    findings = Findings(None)
    findings.out(NOW + 30, unreachable=True)
    assert after(findings, "--+") == [None, None, "back"]
    assert findings.pause(NOW) is None


def test_what_was_reachable_all_along_serves_its_time() -> None:
    findings = Findings(None)
    findings.out(NOW + 30, unreachable=False)
    assert after(findings, "+") == [None]
    assert findings.pause(NOW) is None


def test_what_fails_while_it_is_left_out_is_back_when_it_passes() -> None:
    findings = Findings(None)
    findings.out(NOW + 30, unreachable=False)
    assert after(findings, "-+") == [None, "back"]


def test_with_a_check_coming_back_takes_as_many_passes_as_coming_up() -> None:
    findings = Findings(check())
    after(findings, "+++")
    findings.out(NOW + 30, unreachable=True)
    assert after(findings, "+-++") == [None, None, None, "back"]
    assert findings.pause(NOW) == 5


def test_what_is_down_and_out_is_called_up_and_nothing_more() -> None:
    findings = Findings(check(healthy=1, unhealthy=2))
    findings.out(NOW + 30, unreachable=True)
    assert after(findings, "--+++") == [None, "down", "up", None, None]
    assert findings.pause(NOW) == 5


def test_with_a_check_what_was_reachable_all_along_is_watched_until_its_time_is_over() -> None:
    findings = Findings(check())
    findings.out(NOW + 30, unreachable=False)
    assert after(findings, "+++") == [None, None, None]
    assert findings.pause(NOW) == AWAY_S
    assert after(findings, "-++") == [None, None, "back"]


def test_nothing_comes_back_whose_time_is_over() -> None:
    findings = Findings(None)
    findings.out(NOW + 30, unreachable=True)
    assert after(findings, "-+", NOW + 31) == [None, None]
    findings.out(NOW + 60, unreachable=False)
    assert after(findings, "+", NOW + 40) == [None], "what was found of the last time is forgotten"


def test_of_several_that_leave_it_out_the_longest_time_counts() -> None:
    findings = Findings(None)
    findings.out(NOW + 30, unreachable=True)
    findings.out(NOW + 10, unreachable=False)
    assert findings.pause(NOW + 20) == AWAY_S
    assert after(findings, "+", NOW + 20) == ["back"]


def test_under_a_new_configuration_it_stays_down_and_is_counted_anew() -> None:
    before = Findings(check())
    after(before, "---+")
    changed = Findings(check(path="/other"))
    changed.resume(before)
    assert changed.down
    assert after(changed, "++") == [None, "up"]
    same = Findings(check())
    same.resume(before)
    assert after(same, "+") == ["up"]
    unchecked = Findings(None)
    unchecked.resume(before)
    assert not unchecked.down


def test_what_is_left_out_stays_so_under_a_new_configuration() -> None:
    before = Findings(None)
    before.out(NOW + 30, unreachable=True)
    changed = Findings(check(healthy=1))
    changed.resume(before)
    assert after(changed, "+") == ["back"]


@pytest.mark.parametrize("given_check", [True, False])
@given(
    results=st.lists(
        st.one_of(st.booleans(), st.tuples(st.floats(0, 5), st.booleans())), max_size=60
    ),
    healthy=st.integers(1, 4),
    unhealthy=st.integers(1, 4),
)
def test_verdicts_alternate_and_each_is_earned(
    *, given_check: bool, results: list[bool | tuple[float, bool]], healthy: int, unhealthy: int
) -> None:
    findings = Findings(check(healthy=healthy, unhealthy=unhealthy) if given_check else None)
    now, row, down = NOW, 0, False
    for result in results:
        now += 0.5
        if isinstance(result, tuple):
            findings.out(now + result[0], unreachable=result[1])
            continue
        row = row + 1 if row > 0 and result else row - 1 if row < 0 and not result else 0
        row = row or (1 if result else -1)
        verdict = findings.took(now, passed=result)
        if verdict == "down":
            assert given_check
            assert not down
            assert row <= -unhealthy
        elif verdict == "up":
            assert down
            assert row >= healthy
        elif verdict == "back":
            assert not down
            assert row >= (healthy if given_check else 1)
        down = findings.down
