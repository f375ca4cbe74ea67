"""What holds for every algorithm that counts: its histories, looked at closely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from sluicegate.state.contract import NEVER, Algorithm, Counts, Outcome

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
PAUSES = st.integers(0, 1000) | st.integers(0, 3 * SECOND) | st.integers(0, 200 * SECOND)
ANY_PAUSES = PAUSES | st.integers(-3 * SECOND, 0)
COSTS = st.integers(0, 12)
History = list[tuple[int, int]]
HISTORIES = st.lists(st.tuples(PAUSES, COSTS), max_size=30)
ANY_HISTORIES = st.lists(st.tuples(ANY_PAUSES, COSTS), max_size=30)


class Step(NamedTuple):
    """One request of a history."""

    now_us: int
    cost: int
    outcome: Outcome
    before: Counts | None
    after: Counts


def play(algorithm: Algorithm, history: Sequence[tuple[int, int]]) -> list[Step]:
    """Ask for each (pause in µs, cost) of a history."""
    now_us, counts, steps = START, None, []
    for pause_us, cost in history:
        now_us += pause_us
        outcome, after = algorithm.decide(counts, now_us, cost)
        steps.append(Step(now_us, cost, outcome, counts, after))
        counts = after
    return steps


def said(outcome: Outcome) -> tuple[bool, int, int, int]:
    """Return all that an outcome says but its limit."""
    return outcome.admitted, outcome.remaining, outcome.reset_us, outcome.retry_after_us


def check(algorithm: Algorithm, history: Sequence[tuple[int, int]]) -> None:
    """Assert what every algorithm promises, at each step of a history."""
    for step in play(algorithm, history):
        check_refusal(algorithm, step)
        check_remaining(algorithm, step)
        check_reset(algorithm, step)


def check_refusal(algorithm: Algorithm, step: Step) -> None:
    """A refusal charges nothing, and holds until the announced µs, when the same is admitted."""
    now_us, cost, outcome, before, after = step
    if outcome.admitted:
        return
    if before is not None:
        assert after == before
    if outcome.retry_after_us == NEVER:
        assert cost > algorithm.limit
        return
    assert outcome.retry_after_us > 0
    then_us = now_us + outcome.retry_after_us
    assert algorithm.decide(after, then_us, cost)[0].admitted
    assert not algorithm.decide(after, then_us - 1, cost)[0].admitted
    assert not algorithm.decide(after, now_us + outcome.retry_after_us // 2, cost)[0].admitted


def check_remaining(algorithm: Algorithm, step: Step) -> None:
    """What is said to be left can be had at that instant, and one more cannot."""
    now_us, _, outcome, _, after = step
    assert 0 <= outcome.remaining <= outcome.limit == algorithm.limit
    if outcome.remaining:
        assert algorithm.decide(after, now_us, outcome.remaining)[0].admitted
    assert not algorithm.decide(after, now_us, outcome.remaining + 1)[0].admitted


def check_reset(algorithm: Algorithm, step: Step) -> None:
    """After the reset all is as if never used, and a µs earlier it is not yet."""
    now_us, _, outcome, _, after = step
    then_us = now_us + outcome.reset_us
    for cost in (0, 1, algorithm.limit, algorithm.limit + 1):
        used = said(algorithm.decide(after, then_us, cost)[0])
        assert used == said(algorithm.decide(None, then_us, cost)[0])
    if outcome.reset_us:
        sooner = said(algorithm.decide(after, then_us - 1, 1)[0])
        assert sooner != said(algorithm.decide(None, then_us, 1)[0])
