"""By model."""

from __future__ import annotations

import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.limit.subjects.model import subject
from sluicegate.llm.call import ModelCall
from sluicegate.llm.endpoint import Endpoint
from support.exchanges import exchange


def asking(asked: str, alias: str | None) -> Exchange:
    made = exchange()
    made.call = ModelCall(Endpoint("call", "openai_chat"), asked)
    made.call.alias = alias
    return made


def test_names_that_one_model_stands_for_share() -> None:
    by = subject("")
    assert by(asking("gpt-4o", "gpt-*")) == by(asking("gpt-5", "gpt-*"))
    assert by(asking("gpt-4o", "gpt-*")) != by(asking("gpt-4o", "gpt-4o"))


def test_what_asks_for_no_model_is_counted_together() -> None:
    by = subject("")
    assert by(exchange()) == by(asking("proxy/openai", None)) == "none"
    assert by(asking("none", "none")) != "none"


def test_nothing_stands_behind_the_name() -> None:
    with pytest.raises(ValueError, match="write `model`"):
        subject(":a")
