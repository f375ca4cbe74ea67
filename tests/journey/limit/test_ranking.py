"""How important a request is; what the policy makes of its settings is in test_priority."""

from __future__ import annotations

import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.limit.ranking import Ranking
from support.exchanges import exchange

LOW, NORMAL, HIGH, CRITICAL = range(4)


async def _done(_: Exchange) -> None:
    """Answer nothing."""


@pytest.mark.parametrize(
    ("ranking", "given", "priority"),
    [
        (Ranking(HIGH, HIGH, None), "low", HIGH),
        (Ranking(NORMAL, HIGH, b"x-priority"), None, NORMAL),
        (Ranking(NORMAL, HIGH, b"x-priority"), "low", LOW),
        (Ranking(NORMAL, HIGH, b"x-priority"), " Critical ", HIGH),
        (Ranking(NORMAL, HIGH, b"x-priority"), "urgent", NORMAL),
    ],
)
def test_a_header_moves_it_within_bounds(
    ranking: Ranking, given: str | None, priority: int
) -> None:
    asked = exchange(headers=[] if given is None else [("x-priority", given)])
    ranking.handle(asked, _done).close()  # type: ignore[attr-defined]
    assert asked.priority == priority
