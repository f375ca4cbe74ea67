"""What stands beside the API's own words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Opaque, Part, Text
from sluicegate.llm.dialects.openai_responses.extension import (
    citations_of,
    given_id,
    is_made_name,
    made_id,
    made_name,
    parted_citations,
    restore,
)

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["parts", "index", "part", "type", "stop", "usage", "reason"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(answer_id=st.text(max_size=80), index=st.integers(0, 500))
def test_ids_that_are_made_are_short_and_known_again(answer_id: str, index: int) -> None:
    made = made_id("msg", answer_id, index)
    assert len(made) <= 64
    assert given_id(made) == ""


@pytest.mark.parametrize("item_id", ["rs_0123", "msg_abc", "odd", ""])
def test_ids_of_a_provider_are_kept(item_id: str) -> None:
    assert given_id(item_id) == item_id


def test_made_names_are_known_again() -> None:
    assert made_name("application/pdf") == "document.pdf"
    assert is_made_name(made_name("application/x-odd"))
    assert not is_made_name("report.pdf")


def test_citations_are_parted_and_put_together_again() -> None:
    citations = [{"type": "url_citation", "url": "u"}, {"type": "char_location"}]
    ours, others = parted_citations(citations)
    assert (ours, others) == (citations[:1], citations[1:])
    assert citations_of(ours, {"citations": others}) == citations
    assert citations_of([], None) is None


@given(extension=JSON)
def test_an_extension_of_any_shape_is_survived(extension: object) -> None:
    parts: list[Part] = [Text(text="a")]
    restore(extension, parts)
    assert any(part == Text(text="a") for part in parts)


def test_parts_come_back_to_where_they_stood() -> None:
    parts: list[Part] = [Text(text="a"), Text(text="b")]
    kept = {"type": "opaque", "dialect": "x", "raw": {}}
    restore({"parts": [{"index": 1, "part": kept}]}, parts)
    assert parts[1] == Opaque(dialect="x", raw={})
