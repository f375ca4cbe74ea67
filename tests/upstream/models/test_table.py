from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.model import REPLACED, FailureKind
from sluicegate.upstream.models.table import ModelTable
from support.model_pools import ModelWorld

ONE: list[dict[str, Any]] = [{"provider": "p"}]


def table(*names: str, **fallbacks: list[dict[str, Any]]) -> ModelTable:
    """Return a table; keywords are fallbacks of models of that name."""
    world = ModelWorld()
    return ModelTable(
        {
            name: world.pool(name, {"deployments": ONE, "fallbacks": fallbacks.get(name, [])})
            for name in (*names, *fallbacks)
        }
    )


def found(models: ModelTable, asked: str) -> str | None:
    pool = models.find(asked)
    return None if pool is None else pool.name


def test_the_exact_name_wins_then_the_longest_beginning() -> None:
    models = table("gpt-*", "gpt-4*", "gpt-4o", "*-mini")
    assert found(models, "gpt-4o") == "gpt-4o"
    assert found(models, "gpt-4o-mini") == "gpt-4*"
    assert found(models, "gpt-5") == "gpt-*"
    assert found(models, "claude") is None
    assert found(table("gpt-4o", "*"), "anything") == "*"


def test_a_name_with_a_star_is_no_name_to_ask_for() -> None:
    models = table("gpt-*", "gpt-4o")
    assert list(models.names()) == ["gpt-4o"]
    assert found(models, "gpt-*") == "gpt-*"
    assert bool(models)
    assert not table()


@given(st.lists(st.text("ab", max_size=3).map(lambda text: text + "*"), unique=True), st.text("ab"))
def test_no_longer_beginning_is_passed_over(names: list[str], asked: str) -> None:
    chosen = found(table(*names), asked)
    fits = [name for name in names if asked.startswith(name[:-1])]
    assert chosen == (max(fits, key=len) if fits else None)


def test_the_first_fallback_that_takes_the_failure_is_next() -> None:
    models = table(
        "long",
        "other",
        chat=[
            {"model": "long", "on": ["context_length"]},
            {"model": "other"},
            {"model": "gone"},
        ],
    )
    chat = models.pools["chat"]
    assert models.next_model(chat, "context_length") == "long"
    assert models.next_model(chat, "overloaded") == "other"
    assert models.next_model(chat, "overloaded", {"chat", "other"}) is None
    assert models.next_model(chat, "invalid_request") is None
    assert models.next_model(chat, "content_filter") is None
    assert models.next_model(models.pools["other"], "timeout") is None


def test_a_fallback_may_be_a_name_that_a_star_stands_for() -> None:
    models = table("claude-*", chat=[{"model": "claude-fast"}])
    assert models.next_model(models.pools["chat"], "timeout") == "claude-fast"


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_without_a_choice_failures_of_the_provider_are_replaced(kind: FailureKind) -> None:
    models = table("other", chat=[{"model": "other"}])
    expected = "other" if kind in REPLACED else None
    assert models.next_model(models.pools["chat"], kind) == expected


def test_nobody_to_ask_and_no_permission_are_failures_as_well() -> None:
    models = table(
        "b", "c", chat=[{"model": "b", "on": ["context_length"]}, {"model": "c", "on": ["quota"]}]
    )
    assert models.next_model(models.pools["chat"], "unavailable") == "c"
    assert models.next_model(models.pools["chat"], "permission") is None
    models = table("b", chat=[{"model": "b", "on": ["authentication"]}])
    assert models.next_model(models.pools["chat"], "permission") == "b"
