from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.bedrock_converse.read_request import read_request
from sluicegate.llm.failure import CallError


def read(*content: dict[str, Any], **fields: Any) -> canonical.Request:
    body = {"messages": [{"role": "user", "content": list(content)}]} | fields
    incoming = Incoming(json.dumps(body).encode(), model="m", stream=True)
    return read_request(incoming, drop=False)[0]


def fault(*content: dict[str, Any], **fields: Any) -> str | None:
    with pytest.raises(CallError) as raised:
        read(*content, **fields)
    return raised.value.failure.field


def test_model_and_stream_are_what_the_path_says() -> None:
    request = read({"text": "Hi"})
    assert (request.model, request.stream) == ("m", True)


def test_results_of_tools_become_messages_of_their_own() -> None:
    content = [{"json": {"a": 1}}, {"text": "b"}]
    result = {"toolUseId": "1", "content": content, "status": "error"}
    request = read({"toolResult": result}, {"text": "And?"})
    tool, user = request.messages
    assert (tool.role, user.role) == ("tool", "user")
    (part,) = tool.parts
    assert isinstance(part, canonical.ToolResult)
    assert part.failed
    assert [one.text for one in part.parts] == ['{"a":1}', "b"]


def test_a_cache_point_marks_what_stands_before_it() -> None:
    request = read({"text": "Long."}, {"cachePoint": {"type": "default", "ttl": "1h"}})
    (part,) = request.messages[0].parts
    assert isinstance(part, canonical.Text)
    assert part.cache == canonical.Cache("1h")


def test_tools_and_their_cache_point_are_read() -> None:
    spec = {"name": "n", "inputSchema": {"json": {"type": "object"}}, "strict": True}
    tools = [
        {"toolSpec": spec},
        {"cachePoint": {"type": "default"}},
        {"systemTool": {"name": "nova_grounding"}},
    ]
    request = read({"text": "Hi"}, toolConfig={"tools": tools, "toolChoice": {"any": {}}})
    first, second = request.tools
    assert (first.strict, first.cache) == (True, canonical.Cache())
    assert second.builtin == {"systemTool": {"name": "nova_grounding"}}
    assert request.tool_choice == canonical.ToolChoice(mode="required")


@pytest.mark.parametrize(
    ("thinking", "reasoning"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, canonical.Reasoning(budget=2048)),
        ({"type": "adaptive"}, canonical.Reasoning(adaptive=True)),
        ({"type": "disabled"}, canonical.Reasoning(budget=0)),
        (
            {"type": "adaptive", "display": "omitted"},
            canonical.Reasoning(adaptive=True, shown=False),
        ),
    ],
)
def test_claudes_thinking_is_understood(
    thinking: dict[str, Any], reasoning: canonical.Reasoning
) -> None:
    more = {"thinking": thinking, "top_k": 5, "anthropic_beta": ["x"]}
    request = read({"text": "Hi"}, additionalModelRequestFields=more)
    assert (request.reasoning, request.top_k) == (reasoning, 5)
    assert request.extras == {"additionalModelRequestFields": {"anthropic_beta": ["x"]}}


def test_an_effort_is_an_effort() -> None:
    request = read({"text": "Hi"}, outputConfig={"effort": "high"})
    assert request.reasoning == canonical.Reasoning(effort="high")


def test_fields_of_bedrock_alone_are_extras() -> None:
    own = {"guardrailConfig": {"a": "b"}, "performanceConfig": {"latency": "optimized"}}
    request = read(
        {"text": "Hi"}, additionalModelResponseFieldPaths=["/stop_sequence", "/x"], **own
    )
    assert request.extras == own | {"additionalModelResponseFieldPaths": ["/x"]}


def test_media_are_read_with_all_that_is_said_of_them() -> None:
    document = {
        "name": "d",
        "source": {"text": "words"},
        "context": "c",
        "citations": {"enabled": True},
    }
    film = {"format": "mp4", "source": {"s3Location": {"uri": "s3://b/f"}}}
    sound = {"format": "wav", "source": {"bytes": "AAAA"}}
    parts = read({"document": document}, {"video": film}, {"audio": sound}).messages[0].parts
    media = [part for part in parts if isinstance(part, canonical.Media)]
    assert [one.media_type for one in media] == ["", "video/mp4", "audio/wav"]
    assert [one.text or one.url or one.data for one in media] == ["words", "s3://b/f", "AAAA"]
    assert (media[0].context, media[0].cited, media[0].name) == ("c", True, "d")


def test_what_only_bedrock_has_stays_as_it_is() -> None:
    chunks = {"document": {"name": "d", "source": {"content": [{"text": "x"}]}}}
    (guard, document) = read({"guardContent": {"text": {"text": "x"}}}, chunks).messages[0].parts
    assert isinstance(guard, canonical.Opaque)
    assert guard.raw == {"guardContent": {"text": {"text": "x"}}}
    assert isinstance(document, canonical.Opaque)
    assert document.raw == chunks


def test_faults_are_named_by_their_path() -> None:
    assert fault({"txt": "Hi"}) == "messages[0].content[0].txt"
    assert fault({}) == "messages[0].content[0]"
    assert fault({"cachePoint": {"type": "default"}}) == "messages[0].content[0]"
    image = {"image": {"format": "tiff", "source": {"bytes": "AA"}}}
    assert fault({"text": "a"}, image) == "messages[0].content[1].image.format"
    image = {"image": {"format": "png", "source": {}}}
    assert fault(image) == "messages[0].content[0].image.source"
    schema = {"type": "json_schema", "structure": {"jsonSchema": {"schema": "{"}}}
    path = "outputConfig.textFormat.structure.jsonSchema.schema"
    assert fault({"text": "a"}, outputConfig={"textFormat": schema}) == path
    result = {"toolResult": {"toolUseId": "1", "content": [{"searchResult": {}}]}}
    assert fault(result) == "messages[0].content[0].toolResult.content[0]"
    bad = {"thinking": {"type": "sometimes"}}
    path = "additionalModelRequestFields.thinking"
    assert fault({"text": "a"}, additionalModelRequestFields=bad) == path
    assert fault({"text": "a"}, toolConfig={"tools": [{}]}) == "toolConfig.tools[0]"


def test_unknown_fields_may_be_dropped() -> None:
    body = b'{"messages":[],"new":1}'
    assert read_request(Incoming(body), drop=True)[1] == ["new"]
