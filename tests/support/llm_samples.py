"""Calls and answers in the canonical form, each about one thing."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from sluicegate.llm.canonical import (
    Answer,
    Cache,
    Choice,
    Format,
    Logprob,
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Request,
    Signature,
    Stop,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    TopLogprob,
    Usage,
)
from support.llm_goldens import FOX, PNG

WEATHER = Tool(
    name="get_weather",
    description="Get the weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
    at="tools[0]",
)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def asked(text: str = "Say something.") -> list[Message]:
    return [Message(role="user", parts=[Text(text=text, at="messages[0]")], at="messages[0]")]


def request(**fields: Any) -> Request:
    """Return a small call, with what is said otherwise. `max_tokens`: some cannot do without."""
    plain: dict[str, Any] = {"messages": asked(), "max_tokens": 100}
    return Request(dialect="sample", model="scenario-text", **(plain | fields))


def _turns(*parts: Part) -> list[Message]:
    """Return a history in which the model has said `parts`, and what its tools gave."""
    turns = [*asked("Weather in Paris?"), Message(role="assistant", parts=list(parts), at="m[1]")]
    results: list[Part] = [
        ToolResult(
            id=part.id, name=part.name, parts=[Text(text="18 degrees", at="m[2]")], at="m[2]"
        )
        for part in parts
        if isinstance(part, ToolCall)
    ]
    if results:
        return [*turns, Message(role="tool", parts=results, at="m[2]")]
    return [*turns, *asked("Go on.")]


def _shown(*parts: Part) -> list[Message]:
    return [Message(role="user", parts=[Text(text="What is this?", at="m[0]"), *parts], at="m[0]")]


PARIS = ToolCall(id="call_0", name="get_weather", arguments='{"city":"Paris"}', at="m[1]")
LONDON = ToolCall(id="call_1", name="get_weather", arguments='{"city":"London"}', at="m[1]")
THOUGHT = "Two and two make four."
SIGNED = Thinking(text=THOUGHT, signature=Signature("anthropic", "c2lnbmF0dXJl"), at="m[1]")


def requests() -> dict[str, Request]:
    """Return calls by what they are about; together they set every field of `Request`."""
    fields: dict[str, Any] = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "stop": ["END"], "seed": 7,
        "frequency_penalty": 0.5, "presence_penalty": 0.25, "logit_bias": {"50256": -100.0},
        "n": 2, "verbosity": "low", "user": "user-1", "metadata": {"a": "b"},
        "service_tier": "flex", "store": True, "cache_key": "key", "max_tokens": 5,
        "reasoning": Reasoning(effort="low"), "extras": {"nobody_knows": 1},
    }  # fmt: skip
    tools = {"tools": [WEATHER]}
    found = {name: request(**{name: value}) for name, value in fields.items()}
    return (
        found
        | _histories()
        | {
            "text": request(),
            "stream": request(stream=True, stream_usage=True),
            "system": request(
                messages=[
                    Message(role="system", parts=[Text(text="You are brief.", at="s")], at="s"),
                    *asked(),
                ]
            ),
            "logprobs": request(logprobs=True, top_logprobs=2),
            "tools": request(**tools),
            "tools_none": request(**tools, tool_choice=ToolChoice(mode="none")),
            "tools_required": request(**tools, tool_choice=ToolChoice(mode="required")),
            "tools_named": request(
                **tools, tool_choice=ToolChoice(mode="named", names=["get_weather"])
            ),
            "parallel_tools": request(**tools, parallel_tools=False),
            "custom_tool": request(
                tools=[Tool(name="shell", custom=True, description="Runs text.", at="tools[0]")]
            ),
            "builtin_tool": request(
                tools=[Tool(name="nobody_has", builtin={"type": "nobody_has"}, at="tools[0]")]
            ),
            "format_object": request(format=Format(kind="json_object")),
            "format": request(
                format=Format(kind="json_schema", name="person", schema=PERSON, strict=True)
            ),
            "reasoning_budget": request(max_tokens=9000, reasoning=Reasoning(budget=2048)),
        }
    )


def _histories() -> dict[str, Request]:
    """Return calls that are about what their messages hold."""
    tools = {"tools": [WEATHER]}
    return {
        "history": request(
            messages=[*_turns(Text(text="Hello.", at="m[1]"))],
        ),
        "tool_results": request(**tools, messages=_turns(PARIS)),
        "parallel_results": request(**tools, messages=_turns(PARIS, LONDON)),
        "signed_thinking": request(**tools, messages=_turns(replace(SIGNED), PARIS)),
        "cache": request(
            messages=[
                Message(
                    role="user", parts=[Text(text="Long.", at="m[0]", cache=Cache())], at="m[0]"
                )
            ]
        ),
        "image": request(
            messages=_shown(Media(kind="image", media_type="image/png", data=PNG, at="m[0]"))
        ),
        "image_url": request(
            messages=_shown(Media(kind="image", url="https://example.com/a.png", at="m[0]"))
        ),
        "document": request(
            messages=_shown(
                Media(
                    kind="document",
                    media_type="application/pdf",
                    data="JVBERi0xLjQ=",
                    name="a.pdf",
                    at="m[0]",
                )
            )
        ),
        "audio": request(
            messages=_shown(Media(kind="audio", media_type="audio/wav", data="UklGRg==", at="m[0]"))
        ),
        "video": request(
            messages=_shown(Media(kind="video", media_type="video/mp4", data="AAAA", at="m[0]"))
        ),
        "refusal": request(messages=_turns(Refusal(text="I will not.", at="m[1]"))),
        "opaque": request(
            messages=_turns(Opaque(dialect="nobodys", raw={"type": "unknown"}, at="m[1]"))
        ),
    }


def _answer(*parts: Part, reason: Any = "end", **fields: Any) -> Answer:
    usage = fields.pop("usage", Usage(input=12, output=9))
    logprobs = fields.pop("logprobs", None)
    stop = fields.pop("stop", Stop(reason=reason))
    choice = Choice(index=0, parts=list(parts), stop=stop, logprobs=logprobs)
    return Answer(
        id="id-1", model="m-1", created=1_700_000_000, choices=[choice], usage=usage, **fields
    )


def answers() -> dict[str, Answer]:
    """Return answers by what they are about."""
    token = Logprob(
        token="Hi", logprob=-0.5, bytes=[72, 105], top_logprobs=[TopLogprob(token="Ho", logprob=-1)]
    )
    every = Usage(input=1000, output=20, cached=800, cache_write=100, reasoning=6)
    return {
        "text": _answer(Text(text=FOX)),
        "empty": _answer(),
        "tools": _answer(PARIS, reason="tool_calls"),
        "parallel_tools": _answer(PARIS, LONDON, reason="tool_calls"),
        "text_and_tools": _answer(Text(text="I look."), PARIS, reason="tool_calls"),
        "no_arguments": _answer(
            ToolCall(id="call_0", name="now", arguments="{}"), reason="tool_calls"
        ),
        "thinking": _answer(Thinking(text=THOUGHT), Text(text="4")),
        "signed": _answer(replace(SIGNED), Text(text="4")),
        "length": _answer(Text(text="This is cut"), reason="length"),
        "content_filter": _answer(Text(text="I am"), reason="content_filter"),
        "stop_sequence": _answer(
            Text(text="Before"), stop=Stop(reason="stop_sequence", sequence="END")
        ),
        "logprobs": _answer(Text(text="Hi"), logprobs=[token]),
        "usage": _answer(Text(text=FOX), usage=every),
        "characters": _answer(Text(text="Zoë \u2028 \U0001f600 \n\n data: x\r\n \x00")),
    }
