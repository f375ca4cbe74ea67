import msgspec

from sluicegate.llm.canonical import Usage
from sluicegate.llm.usage_beside import UsageBeside, beside, with_beside


def test_only_tokens_that_there_are_stand_beside() -> None:
    assert beside(Usage(reasoning=5), "audio_input", "image_output") is None
    said = beside(Usage(reasoning=5, audio_input=3), "audio_input", "image_output")
    assert msgspec.to_builtins(said) == {"audio_input": 3}


def test_they_are_put_back_and_take_nothing_away() -> None:
    usage = Usage(input=9, cached=4)
    assert with_beside(usage, UsageBeside(image_input=2)) is usage
    assert usage == Usage(input=9, cached=4, image_input=2)
    assert with_beside(usage, None) == usage


def test_every_field_is_one_of_a_usage() -> None:
    assert set(UsageBeside.__struct_fields__) < set(Usage.__struct_fields__)
