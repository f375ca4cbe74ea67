from __future__ import annotations

from typing import Any

import pytest

from sluicegate.llm.canonical import Cache, Message, Tool, ToolChoice
from sluicegate.llm.dialects.bedrock_converse.write_tools import write_tools
from sluicegate.llm.losses import Losses
from support.llm_samples import PARIS, WEATHER, request

OTHER = Tool(name="other", at="tools[1]")


def write(**fields: Any) -> tuple[dict[str, Any] | None, Losses]:
    losses = Losses({}, "bedrock_converse")
    return write_tools(request(**fields), losses), losses


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        (ToolChoice(), {"auto": {}}),
        (ToolChoice(mode="required"), {"any": {}}),
        (ToolChoice(mode="named", names=["other"]), {"tool": {"name": "other"}}),
        (ToolChoice(mode="named", names=["get_weather", "other"]), {"any": {}}),
    ],
)
def test_choices_have_words(choice: ToolChoice, word: dict[str, Any]) -> None:
    config, losses = write(tools=[WEATHER, OTHER], tool_choice=choice)
    assert config is not None
    assert config["toolChoice"] == word
    assert losses.lost == []


def test_some_of_the_tools_cannot_be_asked_for() -> None:
    choice = ToolChoice(mode="named", names=["other", "third"])
    config, losses = write(tools=[WEATHER, OTHER, Tool(name="third")], tool_choice=choice)
    assert config is not None
    assert "toolChoice" not in config
    assert losses.lost == ["tool_choice"]


def test_no_call_is_no_tools_unless_there_were_calls() -> None:
    none = ToolChoice(mode="none")
    config, losses = write(tools=[OTHER], tool_choice=none)
    assert config is None
    assert losses.dropped == ["tools[1]"]
    history = [Message(role="assistant", parts=[PARIS])]
    config, losses = write(tools=[WEATHER], tool_choice=none, messages=history)
    assert config is not None
    assert losses.lost == ["tool_choice"]


def test_tools_of_other_vendors_are_lost() -> None:
    builtin = Tool(name="search", builtin={"type": "search"}, at="tools[0]")
    config, losses = write(tools=[builtin, Tool(name="shell", custom=True, at="tools[1]")])
    assert config is None
    assert losses.lost == ["tools[0]", "tools[1]"]


def test_all_that_is_said_of_a_tool_is_written() -> None:
    tool = Tool(name="n", description="d", strict=True, cache=Cache("1h"))
    own = Tool(name="nova_grounding", builtin={"systemTool": {"name": "nova_grounding"}})
    losses = Losses({}, "bedrock_converse")
    asked = request(tools=[tool, own])
    asked.dialect = "bedrock_converse"
    schema = {"json": {"type": "object"}}
    spec = {"name": "n", "inputSchema": schema, "description": "d", "strict": True}
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    config = write_tools(asked, losses)
    assert config == {"tools": [{"toolSpec": spec}, point, own.builtin]}
