"""Requests are read strictly, and what is so anyway is not carried on."""

import json
from typing import Any

import pytest

from sluicegate.llm.canonical import Format, Reasoning, ToolChoice
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.failure import CallError
from sluicegate.llm.losses import Losses
from support.responses_sdk import DIALECT, read, written


def call(**fields: Any) -> str:
    return json.dumps({"model": "m", "input": "Say something.", **fields})


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"nobody_knows": 1}, "nobody_knows"),
        ({"max_output_tokens": "5"}, "max_output_tokens"),
        ({"model": 5}, "model"),
        (
            {"input": [{"role": "user", "content": "a"}, {"role": "x", "content": "b"}]},
            "input[1].role",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": 1}]}]},
            "input[0].content[0].text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_smell"}]}]},
            "input[0].content[0].type",
        ),
        ({"input": [{"type": "nothing_known"}]}, "input[0].type"),
        ({"input": ["text"]}, "input[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"name": "x"}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "name": "x", "color": 1}]}, "tools[0].color"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0]",
        ),
    ],
)
def test_a_fault_is_named_by_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(CallError) as error:
        read(call(**fields))
    assert error.value.failure.field == path
    assert f"`{path}`" in error.value.failure.message


def test_unknown_fields_are_dropped_where_told_to_and_said() -> None:
    body = call(
        color=1,
        input=[{"role": "user", "content": [{"type": "input_text", "text": "a", "size": 2}]}],
        tools=[{"type": "function", "name": "x", "shade": 3}],
    )
    request, dropped = DIALECT.read_request(Incoming(body.encode()), drop=True)
    assert sorted(dropped) == ["color", "input[0].content[0].size", "tools[0].shade"]
    assert request.tools[0].name == "x"


def test_what_only_this_api_has_is_a_loss_elsewhere_and_none_here() -> None:
    request = read(
        call(
            previous_response_id="resp_1",
            background=True,
            truncation="auto",
            include=["web_search_call.results"],
            reasoning={"effort": "high", "context": "all_turns"},
            tools=[{"type": "function", "name": "x", "output_schema": {}, "async": True}],
            tool_choice={"type": "mcp", "server_label": "s"},
        )
    )
    assert set(request.extras) == {
        "previous_response_id", "background", "truncation", "include", "reasoning.context",
        "tools[0].output_schema", "tools[0].async", "tool_choice",
    }  # fmt: skip
    body, losses = written(request)
    assert losses.lost == []
    assert read(body) == request or read(body).extras == request.extras


def test_what_happens_anyway_is_not_carried_on() -> None:
    plain = read(call())
    assert (
        read(
            call(
                store=False,
                background=False,
                truncation="disabled",
                stream=False,
                stream_options={"include_obfuscation": False},
                include=["reasoning.encrypted_content"],
                reasoning={"mode": "standard"},
            )
        )
        == plain
    )


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("none", ToolChoice(mode="none")),
        ("required", ToolChoice(mode="required")),
        ({"type": "function", "name": "x"}, ToolChoice(mode="named", names=["x"])),
        ({"type": "custom", "name": "x"}, ToolChoice(mode="named", names=["x"])),
        ({"type": "image_generation"}, ToolChoice(mode="named", names=["image_generation"])),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "x"}, {"type": "web_search"}],
            },
            ToolChoice(mode="named", names=["x", "web_search"]),
        ),
    ],
)
def test_a_choice_of_tools_is_understood(said: Any, meant: ToolChoice) -> None:
    assert read(call(tool_choice=said)).tool_choice == meant


def test_settings_are_understood() -> None:
    request = read(
        call(
            max_output_tokens=7,
            temperature=1,
            top_logprobs=2,
            safety_identifier="u",
            prompt_cache_key="k",
            stream=True,
            text={"format": {"type": "json_object"}, "verbosity": "low"},
            reasoning={"effort": "low", "summary": "auto"},
        )
    )
    assert (request.max_tokens, request.temperature, request.user) == (7, 1.0, "u")
    assert (request.logprobs, request.top_logprobs, request.cache_key) == (True, 2, "k")
    assert (request.stream, request.stream_usage, request.verbosity) == (True, True, "low")
    assert request.format == Format(kind="json_object")
    assert request.reasoning == Reasoning(effort="low", summary="auto", shown=True)


def test_a_grammar_of_a_custom_tool_goes_through() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    request = read(call(tools=[{"type": "custom", "name": "x", "format": grammar}]))
    assert request.tools[0].grammar == {"syntax": "lark", "definition": "start: /a/"}
    assert json.loads(written(request)[0])["tools"][0]["format"] == grammar


def test_a_tool_of_openais_own_is_a_loss_for_others() -> None:
    request = read(call(tools=[{"type": "web_search", "search_context_size": "low"}]))
    assert request.tools[0].builtin == {"type": "web_search", "search_context_size": "low"}
    request.dialect = "anthropic_messages"
    losses = Losses({}, "x")
    DIALECT.write_request(request, losses)
    assert losses.lost == ["tools[0]"]
