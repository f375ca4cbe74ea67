from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.team import Team


def test_a_team_may_have_a_plan_for_its_consumers_and_words_for_people() -> None:
    made = msgspec.convert({"plan": "pro", "description": "Those who pay."}, Team)
    assert made == Team(plan="pro", description="Those who pay.")
    assert Team().plan is None


@pytest.mark.parametrize("wrong", [{"plans": "pro"}, {"plan": 5}, {"description": "x" * 1025}])
def test_anything_else_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Team)
