"""The canonical form is data: it survives being written and read, and shares nothing."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from sluicegate.llm import canonical
from sluicegate.llm.canonical import Event, Request, Usage
from support.llm_samples import answers, requests

REQUESTS = requests()
ANSWERS = answers()


@pytest.mark.parametrize("name", sorted(REQUESTS))
def test_a_call_is_plain_data(name: str) -> None:
    made = REQUESTS[name]
    assert msgspec.to_builtins(made)["model"] == made.model
    assert msgspec.structs.replace(made) == made


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_is_plain_data(name: str) -> None:
    made = ANSWERS[name]
    assert msgspec.to_builtins(made)["id"] == made.id
    assert msgspec.structs.replace(made) == made


def test_what_holds_lists_shares_none_with_others() -> None:
    first, second = (Request(dialect="d", model="m", messages=[]) for _ in range(2))
    first.stop.append("END")
    first.extras["a"] = 1
    assert second.stop == []
    assert second.extras == {}


def test_all_tokens_are_input_and_output_of_which_the_others_are_parts() -> None:
    used = Usage(input=1000, cached=800, cache_write=100, output=8, reasoning=6)
    assert used.total == 1008


def test_events_cannot_be_changed_on_their_way() -> None:
    for kind in get_args(Event):
        assert kind.__struct_config__.frozen, kind.__name__


def test_every_part_says_where_it_stood() -> None:
    for kind in get_args(canonical.Part):
        assert "at" in kind.__struct_fields__, kind.__name__
