from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.name_pattern import NamePattern, any_matches, read_patterns
from sluicegate.model.resource import FieldFault

TEXT = st.text(alphabet="ab", max_size=5)


@given(TEXT, TEXT)
def test_a_star_at_an_end_is_any_text_and_nothing_else_is(written: str, name: str) -> None:
    assert NamePattern(written).matches(name) is (written == name)
    assert NamePattern(written + "*").matches(name) is name.startswith(written)
    assert NamePattern("*" + written).matches(name) is name.endswith(written)


@pytest.mark.parametrize("written", ["a*b", "**", "a**", "*a*b"])
def test_a_star_elsewhere_is_refused_at_its_place(written: str) -> None:
    with pytest.raises(FieldFault, match="write one `\\*` at an end") as caught:
        read_patterns(["fine", written], "models")
    assert caught.value.part == ("models", 1)


def test_one_of_several_is_enough_and_none_of_none_is_not() -> None:
    patterns = read_patterns(["gpt-*", "claude"], "models")
    assert any_matches(patterns, "gpt-4o")
    assert any_matches(patterns, "claude")
    assert not any_matches(patterns, "claude-3")
    assert not any_matches((), "gpt-4o")
