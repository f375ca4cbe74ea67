"""Things that say what they are."""

import pytest
from msgspec import Raw
from msgspec.json import Decoder

from sluicegate.llm.dialects.openai_responses.call_shape import CallItem
from sluicegate.llm.dialects.openai_responses.raw_list import read_one, read_plain, type_of
from sluicegate.llm.failure import CallError


def test_the_type_is_found() -> None:
    assert type_of(Raw(b'{"a":1,"type":"x"}'), "input[0]") == "x"
    assert type_of(Raw(b"{}"), "input[0]") == ""


@pytest.mark.parametrize("raw", [b"1", b"[]", b'"x"', b'{"type":5}'])
def test_what_is_no_object_with_a_type_is_named(raw: bytes) -> None:
    with pytest.raises(CallError) as error:
        type_of(Raw(raw), "input[3]")
    assert error.value.failure.field == "input[3]"


def test_a_fault_inside_is_named_from_the_root() -> None:
    raw = Raw(b'{"type":"function_call","call_id":"c","name":"f","arguments":{}}')
    with pytest.raises(CallError) as error:
        read_one(Decoder(CallItem), raw, "input[3]", drop=False, dropped=[])
    assert error.value.failure.field == "input[3].arguments"
    assert error.value.failure.message.count("`") >= 2


def test_an_object_is_read_as_it_is() -> None:
    assert read_plain(Raw(b'{"a":[1]}')) == {"a": [1]}
