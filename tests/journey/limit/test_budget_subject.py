"""Whom a budget counts, as text and as fields of the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.budget_subject import KINDS, budget_subject
from sluicegate.model.consumer import Consumer
from sluicegate.model.ledger import Entry
from sluicegate.model.resource import FieldFault
from support.exchanges import exchange


def test_a_consumer_is_counted_by_name_and_all_who_are_anonymous_are_one() -> None:
    subject = budget_subject("consumer")
    asked = exchange()
    asked.consumer_name = None
    assert subject(asked) == "-"
    assert subject.where("-") == {"consumer": None}
    asked.consumer_name = "ann"
    assert subject(asked) == "=ann"
    assert subject.where("=ann") == {"consumer": "ann"}


def test_nobody_can_be_called_as_nobody_is() -> None:
    subject = budget_subject("consumer")
    asked = exchange()
    asked.consumer_name = "-"
    assert subject(asked) != "-"
    assert subject.where(subject(asked)) == {"consumer": "-"}


def test_combinations_are_counted_apart() -> None:
    subject = budget_subject(["team", "key"])
    asked = exchange()
    asked.consumer = Consumer(team="blue")
    asked.key_id = "sg_1"
    assert subject(asked) == "=blue\x1f=sg_1"
    assert subject.where(subject(asked)) == {"team": "blue", "key": "sg_1"}


@given(st.permutations(sorted(KINDS)), st.lists(st.none() | st.text("ab=-%", min_size=1)))
def test_what_was_read_is_what_entries_have(kinds: list[str], names: list[str | None]) -> None:
    kinds = kinds[: len(names)] or kinds[:1]
    subject = budget_subject(kinds)
    found = [*names, None][: len(kinds)]
    text = "\x1f".join("-" if name is None else "=" + name for name in found)
    assert subject.where(text) == dict(zip(kinds, found, strict=True))


def test_kinds_are_fields_of_an_entry() -> None:
    assert set(KINDS) <= set(Entry.__struct_fields__)


@pytest.mark.parametrize(
    ("by", "place", "said"),
    [
        ("ip", ("by",), "`ip` has no budget: write consumer, key, team, plan, route or model"),
        (["key", "ip"], ("by", 1), "`ip` has no budget"),
        (["key", "key"], ("by", 1), "`key` is there more than once: write it once"),
        ([], ("by",), "`by` is empty"),
    ],
)
def test_what_has_no_budget_is_named(by: str, place: tuple[str | int, ...], said: str) -> None:
    with pytest.raises(FieldFault, match=said) as raised:
        budget_subject(by)
    assert raised.value.part == place
