"""What the limiter asks of the state, whatever keeps it, and what it makes of the answer."""

from __future__ import annotations

from collections.abc import Sequence

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.announcement import Wording
from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.limit.subject import subject_of
from sluicegate.metrics import Cell
from sluicegate.state.contract import NEVER, Outcome, Take, Verdict
from support.exchanges import exchange, run

TAKES = [Take("a|", FixedWindow(1, 1_000_000), 1), Take("b|", FixedWindow(9, 1_000_000), 1)]


class Scripted:
    """A state that gives prepared answers and remembers what it was asked."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.asked: list[tuple[list[Take], str]] = []

    async def take(self, takes: Sequence[Take], subject: str) -> Verdict:
        self.asked.append((list(takes), subject))
        return Verdict(all(one.admitted for one in self.outcomes), self.outcomes)


def limiter(state: Scripted) -> tuple[Limiter, Cell, list[Cell]]:
    admitted, refused = Cell(), [Cell(), Cell()]
    wording = Wording("policy", ["a", "b"])
    by = subject_of(["ip"])
    return Limiter(state, TAKES, by, ["1/s", "9/s"], wording, admitted, refused), admitted, refused


def test_all_limits_of_a_request_are_asked_for_in_one_call() -> None:
    state = Scripted(Outcome(True, 1, 0, 5, 0), Outcome(True, 9, 8, 5, 0))
    made, admitted, refused = limiter(state)
    assert run(made, exchange(client_ip="192.0.2.1")).status == 200
    assert state.asked == [(TAKES, "192.0.2.1")]
    assert (admitted.value, [one.value for one in refused]) == (1, [0, 0])


def test_the_limit_with_the_longest_wait_is_the_one_named() -> None:
    state = Scripted(Outcome(False, 1, 0, 5, 1_000_001), Outcome(False, 9, 0, 5, 3_000_000))
    made, admitted, refused = limiter(state)
    sent = run(made, exchange())
    assert (sent.status, sent.header("retry-after")) == (429, "3")
    assert sent.problem()["detail"] == "the limit of 9/s is used up"
    assert (admitted.value, [one.value for one in refused]) == (0, [1, 1])


def test_a_cost_that_never_fits_promises_no_wait() -> None:
    made, _, _ = limiter(Scripted(Outcome(False, 1, 0, 5, NEVER), Outcome(True, 9, 9, 5, 0)))
    assert run(made, exchange()).header("retry-after") == "0"
