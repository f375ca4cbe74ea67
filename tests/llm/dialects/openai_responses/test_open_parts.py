"""Parts of a stream that is read."""

from sluicegate.llm.canonical import (
    Cited,
    Delta,
    Event,
    PartBegun,
    PartEnded,
    Signature,
    Signed,
    Text,
    Thinking,
    ToolCall,
)
from sluicegate.llm.dialects.openai_responses.open_parts import OpenParts, empty_of


def test_a_part_that_begins_ends_the_one_before_it() -> None:
    parts, found = OpenParts(), list[Event]()
    item = parts.item(0)
    assert parts.part(item, 0, Text(text=""), found) == 0
    assert parts.part(item, 1, Text(text=""), found) == 1
    assert parts.part(item, 0, Text(text=""), found) == 0
    assert found == [
        PartBegun(0, 0, Text(text="")),
        PartEnded(0, 0),
        PartBegun(0, 1, Text(text="")),
    ]


def test_the_end_says_what_events_did_not() -> None:
    parts, found = OpenParts(), list[Event]()
    thought = Thinking(text="Hm.", signature=Signature("openai", "c2ln"))
    cited = Text(text="a", citations=[{"type": "x"}])
    parts.finish(parts.item(0), [thought], found)
    parts.finish(parts.item(1), [cited], found)
    assert found == [
        PartBegun(0, 0, Thinking()),
        Delta(0, 0, "Hm."),
        Signed(0, 0, Signature("openai", "c2ln")),
        PartEnded(0, 0),
        PartBegun(0, 1, Text(text="")),
        Delta(0, 1, "a"),
        Cited(0, 1, {"type": "x"}),
        PartEnded(0, 1),
    ]


def test_the_end_does_not_repeat_what_events_said() -> None:
    parts, found = OpenParts(), list[Event]()
    item = parts.item(0)
    number = parts.part(item, 0, ToolCall(id="c", name="f", arguments="{}"), found)
    item.silent.discard(number)
    parts.finish(item, [ToolCall(id="c", name="f", arguments="{}")], found)
    assert found == [
        PartBegun(0, 0, ToolCall(id="c", name="f", arguments="")),
        PartEnded(0, 0),
    ]
    assert item.done


def test_an_empty_part_keeps_what_it_is() -> None:
    call = ToolCall(id="c", name="f", arguments="x", custom=True)
    assert empty_of(call) == ToolCall(id="c", name="f", arguments="", custom=True)
    assert empty_of(Thinking(text="a", id="rs", summary=True)) == Thinking(id="rs", summary=True)
