"""Items of a response."""

from openai.types.responses import ResponseOutputItem
from pydantic import TypeAdapter

from sluicegate.llm.canonical import (
    Logprob,
    Message,
    Part,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    Usage,
)
from sluicegate.llm.dialects.openai_responses.output_items import (
    id_of,
    item_of,
    joins,
    response_of,
    stop_fields,
    usage_fields,
)
from support.llm_samples import WEATHER, request


def test_words_join_and_thoughts_of_one_id_do() -> None:
    assert joins(Text(text="a"), Refusal(text="b"))
    assert joins(Thinking(id="rs_1"), Thinking(id="rs_1"))
    assert not joins(Thinking(), Thinking())
    assert not joins(Text(text="a"), Thinking())
    assert not joins(ToolCall(id="a", name="f", arguments=""), Text(text=""))


def test_every_item_is_one_of_the_sdks() -> None:
    groups: list[list[Part]] = [
        [Text(text="a"), Refusal(text="b")],
        [Thinking(text="a", signature=Signature("anthropic", "x")), Thinking(text="b")],
        [ToolCall(id="c", name="f", arguments="{}")],
        [ToolCall(id="c", name="f", arguments="free", custom=True)],
    ]
    for group in groups:
        item = item_of(group, id_of(group[0], "id", 0), logprobs=[Logprob(token="a", logprob=-1)])
        assert TypeAdapter(ResponseOutputItem).validate_python(item).type == item["type"]


def test_a_thought_keeps_its_id_and_names_the_family_of_its_signature() -> None:
    thought = Thinking(text="a", id="rs_1", signature=Signature("anthropic", "x"))
    assert id_of(thought, "id", 0) == "rs_1"
    assert item_of([thought], "rs_1")["encrypted_content"] == "anthropic:x"


def test_a_response_repeats_what_was_asked() -> None:
    system = Message(role="system", parts=[Text(text="Be brief.")], at="instructions")
    asked = request(messages=[system], tools=[WEATHER], tool_choice=ToolChoice(mode="required"))
    begun = response_of(asked, "id", "m", 1, "default")
    assert (begun["instructions"], begun["tool_choice"]) == ("Be brief.", "required")
    assert begun["tools"][0]["name"] == "get_weather"
    assert (begun["status"], begun["output"], begun["store"]) == ("in_progress", [], False)


def test_a_stop_is_plain_where_the_status_says_it_all() -> None:
    call = ToolCall(id="c", name="f", arguments="")
    assert stop_fields(Stop(reason="end"), [])[1]
    assert stop_fields(Stop(reason="tool_calls"), [call])[1]
    assert stop_fields(Stop(reason="length"), [])[1]
    assert not stop_fields(Stop(reason="end"), [call])[1]
    assert not stop_fields(Stop(reason="pause"), [])[1]
    assert not stop_fields(Stop(reason="end", detail="eos"), [])[1]


def test_tokens_add_up() -> None:
    found = usage_fields(Usage(input=10, output=5, cached=4, reasoning=2))
    assert found is not None
    assert found["total_tokens"] == 15
    assert usage_fields(None) is None
