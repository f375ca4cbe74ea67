from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import (
    Cache,
    Format,
    Media,
    Message,
    Reasoning,
    Refusal,
    Request,
    Signature,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from sluicegate.llm.dialects.openai_chat import request_writer
from sluicegate.llm.losses import Losses
from support.llm_samples import WEATHER, request


def written(call: Request) -> tuple[dict[str, Any], Losses]:
    losses = Losses({"reasoning": "thinking", "top_k": "topK"}, "openai_chat")
    return json.loads(request_writer.write(call, losses)), losses


def turns(*messages: Message) -> tuple[list[dict[str, Any]], Losses]:
    body, losses = written(request(messages=list(messages)))
    return body["messages"], losses


def test_what_happens_anyway_is_not_asked_for() -> None:
    plain, _ = written(request())
    body, losses = written(
        request(n=1, logprobs=False, store=False, parallel_tools=True, frequency_penalty=0.0)
    )
    assert body == plain
    assert losses.settle(drop=False) == []


def test_a_stream_always_tells_what_it_used() -> None:
    body, _ = written(request(stream=True))
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_fields_without_words_are_lost_by_the_callers_name() -> None:
    _, losses = written(request(top_k=3, min_p=0.1, service_tier="standard_only", extras={"x": 1}))
    assert losses.lost == ["topK", "min_p", "service_tier", "x"]


def test_extras_of_openais_other_dialects_go_on() -> None:
    call = request(extras={"safety_identifier": "s", "background": True})
    call.dialect = "openai_responses"
    body, losses = written(call)
    assert body["safety_identifier"] == "s"
    assert losses.lost == ["background"]
    assert call.extras == {"safety_identifier": "s", "background": True}


def test_a_budget_becomes_an_effort_and_how_it_is_shown_is_announced() -> None:
    body, losses = written(request(reasoning=Reasoning(budget=2000, shown=True)))
    assert body["reasoning_effort"] == "medium"
    assert losses.settle(drop=False) == ["thinking"]


def test_what_a_model_thought_and_signed_elsewhere_is_left_out_and_announced() -> None:
    signature = Signature("anthropic", "s")
    (turn,), losses = turns(
        Message(
            role="assistant",
            parts=[
                Thinking(text="t", signature=signature, at="a"),
                Text(text="w", at="b", signature=signature, cache=Cache()),
                ToolCall(id="c", name="f", arguments="{}", at="d", signature=signature),
            ],
        )
    )
    assert turn["content"] == "w"
    assert turn["tool_calls"][0]["id"] == "c"
    assert losses.settle(drop=False) == ["a", "b.cache_control", "b.signature", "d.signature"]


def test_results_of_tools_are_messages_of_their_own_and_come_first() -> None:
    first, second, third = turns(
        Message(
            role="user",
            parts=[
                Text(text="And?"),
                ToolResult(id="1", parts=[Text(text="a")]),
                ToolResult(id="2", parts=[Text(text="b"), Text(text="c")]),
            ],
        )
    )[0]
    assert first == {"role": "tool", "tool_call_id": "1", "content": "a"}
    assert [part["text"] for part in second["content"]] == ["b", "c"]
    assert third == {"role": "user", "content": "And?"}


def test_an_image_in_a_tools_result_is_never_dropped() -> None:
    image = Media(kind="image", data="AA", at="here")
    _, losses = turns(Message(role="tool", parts=[ToolResult(id="1", parts=[image], failed=True)]))
    assert losses.fatal == ["here"]
    assert losses.dropped == [".is_error"]


def test_a_refusal_stands_in_its_own_field() -> None:
    (turn,), _ = turns(Message(role="assistant", parts=[Refusal(text="No.")]))
    assert turn == {"role": "assistant", "refusal": "No.", "content": None}


def test_an_empty_turn_is_an_empty_text() -> None:
    (turn,), _ = turns(Message(role="assistant", parts=[Thinking(text="t")]))
    assert turn == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (ToolChoice(mode="none"), "none"),
        (ToolChoice(mode="required"), "required"),
        (
            ToolChoice(mode="named", names=["shell"]),
            {"type": "custom", "custom": {"name": "shell"}},
        ),
        (
            ToolChoice(mode="named", names=["get_weather", "shell"]),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [
                        {"type": "function", "function": {"name": "get_weather"}},
                        {"type": "custom", "custom": {"name": "shell"}},
                    ],
                },
            },
        ),
    ],
)
def test_the_choice_of_tools_is_said(choice: ToolChoice, said: Any) -> None:
    shell = Tool(name="shell", custom=True, grammar={"syntax": "regex", "definition": "a+"})
    body, losses = written(request(tools=[WEATHER, shell], tool_choice=choice))
    assert body["tool_choice"] == said
    assert losses.settle(drop=False) == []
    assert body["tools"][1]["custom"]["format"] == {
        "type": "grammar",
        "grammar": {"syntax": "regex", "definition": "a+"},
    }


def test_a_tool_that_only_its_provider_has_is_lost_by_its_place() -> None:
    builtin = Tool(name="web", builtin={"type": "web"}, at="tools[0]")
    body, losses = written(request(tools=[builtin], tool_choice=ToolChoice(mode="required")))
    assert losses.lost == ["tools[0]"]
    assert "tool_choice" not in body


def test_a_schema_without_a_name_gets_one() -> None:
    body, _ = written(request(format=Format(kind="json_schema", schema={"type": "object"})))
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {"type": "object"}},
    }
