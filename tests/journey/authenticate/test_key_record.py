from __future__ import annotations

import pytest

from sluicegate.journey.authenticate.key_record import KeyRecord, record_of
from sluicegate.model.consumer import Consumer, Key
from sluicegate.model.name_pattern import any_matches
from sluicegate.model.resource import FieldFault


@pytest.mark.parametrize(
    ("key", "consumer", "team", "holds"),
    [
        ("gold", "free", "pro", "gold"),
        (None, "free", "pro", "free"),
        (None, None, "pro", "pro"),
        (None, None, None, None),
        ("gold", None, None, "gold"),
    ],
)
def test_a_keys_plan_wins_over_its_consumers_and_that_over_the_teams(
    key: str | None, consumer: str | None, team: str | None, holds: str | None
) -> None:
    made = record_of(Key(plan=key), "k", "ann", Consumer(plan=consumer), team)
    assert (made.plan, made.consumer_name, made.key_id) == (holds, "ann", "k")


def test_what_a_key_was_granted_and_what_restricts_it_are_ready() -> None:
    made = record_of(Key(scopes=["b", "a"], methods=["GET"]), "k", "ann", Consumer(), None)
    assert made.scopes == ("b", "a")
    assert made.restriction is not None
    assert record_of(Key(), "k", "ann", Consumer(), None).restriction is None


def test_the_only_models_of_a_key_are_ready() -> None:
    made = record_of(Key(models=["gpt-*", "claude"]), "k", "ann", Consumer(), None)
    names = ["gpt-4o", "claude", "claude-3"]
    assert [any_matches(made.models, name) for name in names] == [True, True, False]
    assert record_of(Key(), "k", "ann", Consumer(), None).models == ()


def test_a_model_that_cannot_be_read_is_refused_at_its_place() -> None:
    with pytest.raises(FieldFault) as caught:
        record_of(Key(models=["gpt", "a*b"]), "k", "ann", Consumer(), None)
    assert caught.value.part == ("models", 1)


@pytest.mark.parametrize(
    ("name", "told"), [("ann", b"ann"), ("a b", b"a b"), ("jö\r\n", b"j%C3%B6%0D%0A")]
)
def test_the_target_is_told_the_name_in_a_form_that_no_header_is_broken_by(
    name: str, told: bytes
) -> None:
    assert KeyRecord(name, Consumer(), None, "k").told == (b"sluicegate-consumer", told)
