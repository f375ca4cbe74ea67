from __future__ import annotations

import pytest

from sluicegate.llm.canonical import Request
from sluicegate.llm.failure import CallError
from sluicegate.llm.losses import HARMLESS, Losses


def losses() -> Losses:
    return Losses({"max_tokens": "max_completion_tokens"}, "cohere_chat")


def test_nothing_lost_is_nothing_to_settle() -> None:
    assert losses().settle(drop=False) == []


def test_a_field_is_named_as_the_caller_calls_it() -> None:
    lost = losses()
    lost.field("max_tokens")
    lost.field("seed")
    with pytest.raises(CallError) as refused:
        lost.settle(drop=False)
    failure = refused.value.failure
    assert failure.kind == "unsupported"
    assert failure.status == 400
    assert failure.ours
    assert failure.field == "max_completion_tokens"
    assert "`max_completion_tokens`, `seed`" in failure.message
    assert "cohere_chat" in failure.message


def test_of_some_fields_those_are_lost_that_ask_for_what_does_not_happen_anyway() -> None:
    lost = losses()
    asked = Request(dialect="", model="", messages=[], n=1, seed=0, store=True, min_p=0.0)
    lost.fields(asked, ["n", "seed", "store", "min_p", "verbosity"])
    assert lost.lost == ["seed", "store"]


def test_what_is_harmless_is_a_field_of_a_request() -> None:
    assert set(HARMLESS) <= set(Request.__struct_fields__)


def test_fields_and_places_are_dropped_where_that_is_wanted() -> None:
    lost = losses()
    lost.field("max_tokens")
    lost.at("messages[0].name")
    assert lost.settle(drop=True) == ["max_completion_tokens", "messages[0].name"]


@pytest.mark.parametrize("drop", [True, False])
def test_content_is_never_dropped(*, drop: bool) -> None:
    lost = losses()
    lost.part("messages[1].content[0]")
    with pytest.raises(CallError) as refused:
        lost.settle(drop=drop)
    assert refused.value.failure.field == "messages[1].content[0]"


def test_where_fields_are_dropped_only_the_content_is_refused_by_name() -> None:
    lost = losses()
    lost.field("seed")
    lost.part("messages[1].content[0]")
    with pytest.raises(CallError) as refused:
        lost.settle(drop=True)
    assert "seed" not in refused.value.failure.message


@pytest.mark.parametrize("drop", [True, False])
def test_wishes_and_what_another_family_has_signed_are_announced_and_never_refused(
    *, drop: bool
) -> None:
    lost = losses()
    lost.foreign("messages[1].content[0]")
    lost.hint("max_tokens")
    assert lost.settle(drop=drop) == ["messages[1].content[0]", "max_completion_tokens"]
