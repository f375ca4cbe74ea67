from __future__ import annotations

from typing import get_args

import pytest

from sluicegate.llm.failure import Kind
from sluicegate.llm.statuses import KINDS, STATUS, kind_of


def test_every_kind_has_a_status_for_the_caller() -> None:
    assert set(STATUS) == set(get_args(Kind))
    assert set(STATUS.values()) <= set(range(400, 600))


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (0, "server_error", 500),
        (302, "server_error", 500),
        (400, "invalid_request", 400),
        (402, "quota", 429),
        (408, "timeout", 504),
        (418, "invalid_request", 400),
        (422, "invalid_request", 400),
        (424, "server_error", 500),
        (500, "server_error", 500),
        (502, "server_error", 500),
        (529, "overloaded", 503),
        (599, "server_error", 500),
    ],
)
def test_a_status_says_by_itself_what_went_wrong(status: int, kind: Kind, told: int) -> None:
    assert kind_of(status) == kind
    assert STATUS[kind] == told


def test_the_status_of_a_kind_says_that_kind_where_it_says_one_only() -> None:
    several = {"quota", "content_filter", "context_length", "unsupported", "bad_answer"}
    several |= {"unreachable", "unavailable"}
    assert {kind for kind, status in STATUS.items() if kind_of(status) != kind} == several
    assert set(KINDS.values()) - {"unsupported", "quota"} <= set(STATUS) - several
