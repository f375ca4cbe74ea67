from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Signature
from sluicegate.llm.signature import FAMILIES, opened, sealed

OWN = sorted(FAMILIES)
PROOFS = st.text("ABCDEFGHabcdefgh0123456789+/=_-", min_size=1)
"""Vendors write base64, so there is no colon in it."""


def test_in_its_own_dialect_a_signature_stands_as_it_is() -> None:
    assert sealed(Signature("anthropic", "EqQB"), "anthropic") == "EqQB"
    assert opened("EqQB", "anthropic") == Signature("anthropic", "EqQB")


def test_in_another_dialect_the_name_of_its_family_stands_before_it() -> None:
    assert sealed(Signature("anthropic", "EqQB"), "openai") == "anthropic:EqQB"
    assert opened("anthropic:EqQB", "openai") == Signature("anthropic", "EqQB")


@given(st.sampled_from([*OWN, ""]), st.sampled_from([*OWN, ""]), PROOFS)
def test_a_signature_comes_back_from_any_dialect_as_it_went(
    family: str, dialect: str, proof: str
) -> None:
    made = Signature(family, proof)
    assert opened(sealed(made, dialect), dialect) == made


@given(st.sampled_from(OWN), st.sampled_from(OWN), PROOFS)
def test_a_signature_survives_a_way_through_two_dialects(
    first: str, second: str, proof: str
) -> None:
    made = Signature("gemini", proof)
    once = opened(sealed(made, first), first)
    assert opened(sealed(once, second), second) == made


@pytest.mark.parametrize("text", ["nobody:EqQB", "https://example.com"])
def test_what_stands_before_a_colon_is_a_family_only_if_there_is_such_a_one(text: str) -> None:
    assert opened(text, "openai") == Signature("openai", text)
