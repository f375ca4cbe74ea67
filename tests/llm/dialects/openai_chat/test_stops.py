from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from sluicegate.llm.canonical import Stop, StopReason, Text, ToolCall
from sluicegate.llm.dialects.openai_chat.answer_shape import ChoiceExtension
from sluicegate.llm.dialects.openai_chat.stops import WRITTEN, extension_of, has_calls, stop_of
from sluicegate.llm.failure import Malformed


@pytest.mark.parametrize("reason", get_args(StopReason))
@pytest.mark.parametrize("sequence", [None, "END"])
@pytest.mark.parametrize("detail", ["", "said so"])
def test_every_reason_is_read_as_it_was_written(
    reason: StopReason, sequence: str | None, detail: str
) -> None:
    stop = Stop(reason=reason, sequence=sequence, detail=detail)
    extension = msgspec.convert(extension_of(stop), ChoiceExtension | None)
    assert stop_of(WRITTEN[reason], extension, called=False) == stop


@pytest.mark.parametrize("word", ["error", "insufficient_system_resource"])
def test_an_answer_that_broke_off_is_none(word: str) -> None:
    with pytest.raises(Malformed):
        stop_of(word, None, called=False)


def test_other_words_are_kept_as_details() -> None:
    assert stop_of("eos", None, called=False) == Stop(reason="end")
    assert stop_of("model_length", None, called=False).reason == "length"
    assert stop_of("tired", None, called=False) == Stop(reason="end", detail="tired")
    assert stop_of(None, None, called=False) == Stop(reason="end")
    odd = msgspec.convert({"stop": {"reason": "tired"}}, ChoiceExtension)
    assert stop_of("length", odd, called=False).reason == "length"


def test_who_calls_tools_has_stopped_for_them() -> None:
    assert stop_of("stop", None, called=True).reason == "tool_calls"
    assert stop_of("length", None, called=True).reason == "length"
    assert has_calls([Text(text=""), ToolCall(id="", name="f", arguments="")])
    assert not has_calls([Text(text="")])
