"""`by` compiled: kinds are found by the names of their files, and combined."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sluicegate.journey.limit import subjects
from sluicegate.journey.limit.subjects import subject_of
from sluicegate.model.resource import FieldFault
from support.exchanges import exchange

FILES = {path.stem for path in Path(subjects.__path__[0]).glob("[a-z]*.py")}
WRITTEN = [
    "consumer",
    "key",
    "model",
    "plan",
    "team",
    "ip",
    "ip/24",
    "ip/24,56",
    "route",
    "header:x-a",
]


def test_every_file_is_a_kind() -> None:
    assert {re.split("[:/]", kind)[0] for kind in WRITTEN} == FILES


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_subject_is_never_empty_and_cannot_break_a_key(kind: str) -> None:
    for asked in (exchange(), exchange(route=None, headers={"x-a": "a}{b"}, client_ip="unix:")):
        subject = subject_of(kind)(asked)
        assert subject
        assert not set(subject) & set("{}\x1f")


def test_a_list_counts_each_combination() -> None:
    by = subject_of(["route", "ip"])
    assert by(exchange(route="a")) != by(exchange(route="b"))
    assert by(exchange(route="a")) != by(exchange(route="a", client_ip="192.0.2.1"))
    assert by(exchange(route=None)) == "-\x1f192.0.2.7"


def test_a_list_of_one_is_that_one() -> None:
    assert subject_of(["ip"])(exchange()) == subject_of("ip")(exchange())


@pytest.mark.parametrize(
    ("by", "part", "advice"),
    [
        ("user", ("by",), "`user` is nobody to count by: write consumer, header:<name>, ip,"),
        (
            "",
            ("by",),
            "write consumer, header:<name>, ip, ip/24, ip/24,56, key, model, plan, route or team",
        ),
        (["ip", "x"], ("by", 1), "`x` is nobody to count by"),
        (["ip", "ip"], ("by", 1), "`ip` is there more than once"),
        ([], ("by",), "`by` is empty: write consumer"),
        ("consumer:x", ("by",), "write `consumer`"),
        ("__init__", ("by",), "is nobody to count by"),
        ("ip\n", ("by",), "is nobody to count by"),
    ],
)
def test_an_unknown_kind_is_answered_at_its_place_with_those_there_are(
    by: str | list[str], part: tuple[str | int, ...], advice: str
) -> None:
    with pytest.raises(FieldFault, match=re.escape(advice)) as caught:
        subject_of(by)
    assert caught.value.part == part
