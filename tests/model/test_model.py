from __future__ import annotations

from typing import Any, get_args

import pytest

from sluicegate.model import units
from sluicegate.model.model import REPLACED, FailureKind, Fallback, Model


def model(**fields: Any) -> Model:
    return units.convert({"deployments": [{"provider": "p"}], **fields}, Model)  # type: ignore[no-any-return]


def test_a_model_is_two_words_where_nothing_else_is_wanted() -> None:
    found = model()
    assert (found.attempts, found.balance, found.unsupported) == (3, "weight", "refuse")
    assert found.hedge is None
    assert found.deployments[0].weight == 1


def test_a_fallback_is_for_failures_that_another_model_may_not_have() -> None:
    assert Fallback(model="m").on == REPLACED
    assert set(get_args(FailureKind)) - set(REPLACED) == {"context_length", "content_filter"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"deployments": []},
        {"deployments": [{"provider": "p", "name": "a b"}]},
        {"deployments": [{"provider": "p", "model": ""}]},
        {"deployments": [{"provider": "p", "concurrent": 0}]},
        {"sticky": {"by": "weather"}},
        {"fallbacks": [{"model": "m", "on": []}]},
        {"attempts": 0},
        {"balance": "chance"},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own words
        model(**wrong)
