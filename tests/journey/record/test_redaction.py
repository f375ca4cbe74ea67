from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.record.redaction import STEP, WINDOW, Redacted, Redaction, Steps

KINDS: Any = ("email", "card", "key", "phone")
FILLER = string.ascii_letters + " \n.,{}"


def done(steps: Steps) -> Redacted:
    """Go through all steps."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def cleaned(text: str, kinds: Any = KINDS, own: Mapping[str, str] | None = None) -> str:
    return done(Redaction(kinds, own or {}).text(text)).value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann.b+c@mail.example.co.uk, please", "write to [email], please"),
        ("é.müller@example.org", "[email]"),
        ("a@b and @handle and x@localhost", "a@b and @handle and x@localhost"),
        ("card 4111 1111 1111 1111 12/27", "card [card] 12/27"),
        ("4111-1111-1111-1111", "[card]"),
        ("5555555555554444.", "[card]."),
        ("378282246310005", "[card]"),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("12345 4111111111111111", "12345 [card]"),
        ("call +49 30 901820 now", "call [phone] now"),
        ("(555) 123-4567 or 555-123-4567", "[phone] or [phone]"),
        ("at 2026-07-31 10:00, 1.5 of 2000000", "at 2026-07-31 10:00, 1.5 of 2000000"),
        ("key sk-proj-abcdefghijklmnopqrst.", "key [key]"),
        ("ghp_abcdefghijklmnopqrstuvwxyz012345", "[key]"),
        ("AKIAIOSFODNN7EXAMPLE", "[key]"),
        ("Authorization: Bearer abc.def-ghi_jkl", "Authorization: [key]"),
        ("password = hunter2hunter2", "[key]"),
        ('"api_key": "abcdefgh"', '"[key]"'),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def", "[key]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----x", "[key]x"),
        ("the word skyscraper and a task-force-of-many-people", None),
        ("sg_local_0123456789abcdef", "[key]"),
        ("msg_sg_0123456789abcdef and chatcmpl-r8_0123456789abcdef", None),
        ("toolu_fw_0123456789abcdef, resp_sg_0123456789abcdef", None),
        ("my_sk-0123456789abcdef", "my_[key]"),
    ],
)
def test_what_looks_like_somebodys_is_taken_out(text: str, expected: str | None) -> None:
    assert cleaned(text) == (text if expected is None else expected)


def test_only_what_is_asked_for_is_taken_out() -> None:
    text = "ann@example.org 4111111111111111"
    assert cleaned(text, ("card",)) == "ann@example.org [card]"
    assert cleaned(text, ()) == text


def test_own_expressions_stand_beside_those_built_in() -> None:
    own = {"order": r"ORD-\d{1,9}"}
    assert cleaned("ORD-17 of ann@example.org", KINDS, own) == "[order] of [email]"
    assert cleaned("ORD-17 of ann@example.org", (), own) == "[order] of ann@example.org"


def test_an_expression_at_fault_is_named() -> None:
    with pytest.raises(ValueError, match="`order`"):
        Redaction((), {"order": "(a+)+"})
    with pytest.raises(ValueError, match="at most 16"):
        Redaction((), {str(number): "abc" for number in range(17)})


def test_texts_are_redacted_wherever_they_stand() -> None:
    value = {"a": ["x@y.example", 1, None, True], "b@c.example": {"d": "sk-" + "a" * 20}, "n": 1.5}
    found = done(Redaction(KINDS, {}).value(value))
    expected = {"a": ["[email]", 1, None, True], "[email]": {"d": "[key]"}, "n": 1.5}
    assert found == Redacted(expected, 3)


@pytest.mark.parametrize("size", [STEP - 5, WINDOW - 3, WINDOW, 5000, 40_000])
def test_a_find_may_be_longer_than_a_piece(size: int) -> None:
    assert cleaned("see sk-" + "a" * size + " end") == "see [key] end"


@given(
    st.text(FILLER, max_size=3 * WINDOW),
    st.sampled_from(
        ["ann@example.org", "4111 1111 1111 1111", "sk-abcdefghijklmnop", "+49 30 901820"]
    ),
    st.text(FILLER, max_size=WINDOW),
)
def test_nothing_is_missed_where_pieces_meet(before: str, secret: str, after: str) -> None:
    assert secret not in cleaned(f"{before} {secret} {after}")


@given(st.text(FILLER + string.digits + "@-_+:=\"'\\", max_size=2 * WINDOW))
def test_what_is_clean_is_left_alone(text: str) -> None:
    once = done(Redaction(KINDS, {}).text(text))
    if not once.places:
        assert once.value == text


@pytest.mark.parametrize(
    "text",
    ["1 " * 30_000, "a@" * 30_000, "a." * 30_000, "x@y." * 15_000, "-----BEGIN " * 5_000,
     "+1" * 30_000, "4" * 60_000, "sk-" * 20_000, "password" * 8_000, "eyJ" * 20_000],
)  # fmt: skip
def test_texts_made_to_be_slow_take_no_more_steps_than_others(text: str) -> None:
    """Each step is one look at a bounded piece."""
    steps = Redaction(KINDS, {}).text(text)
    assert sum(1 for _ in steps) <= 4 * len(text) + 4
