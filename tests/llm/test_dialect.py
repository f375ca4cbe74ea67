"""Every dialect has what the contract of one asks for; tests/contracts tests what it does."""

from __future__ import annotations

import inspect

import pytest

from sluicegate.llm import dialects
from sluicegate.llm.dialect import Dialect, Frame, Framing, Incoming, Outgoing, StreamReader

METHODS = [name for name, value in vars(Dialect).items() if inspect.isfunction(value)]
METHODS = [name for name in METHODS if not name.startswith("_")]


@pytest.mark.parametrize("name", dialects.names())
def test_a_dialect_has_every_member_of_the_contract(name: str) -> None:
    made = dialects.find(name)
    assert made.name == name
    assert isinstance(made.family, str)
    assert isinstance(made.stream_type, bytes)
    assert all(isinstance(mine, str) for pair in made.names.items() for mine in pair)
    for method in METHODS:
        asked = list(inspect.signature(getattr(Dialect, method)).parameters)[1:]
        given = [one.rstrip("_") for one in inspect.signature(getattr(made, method)).parameters]
        assert given[: len(asked)] == asked, method


@pytest.mark.parametrize("name", dialects.names())
def test_framing_and_reader_are_new_ones_for_every_stream(name: str) -> None:
    made = dialects.find(name)
    framings: list[Framing] = [made.framing(), made.framing()]
    readers: list[StreamReader] = [made.reader(), made.reader()]
    assert framings[0] is not framings[1]
    assert readers[0] is not readers[1]
    assert framings[0].rest == 0


def test_what_is_not_said_of_a_call_is_nothing() -> None:
    assert Incoming(b"{}") == Incoming(b"{}", "", False)
    assert Outgoing(b"{}").headers == ()
    assert Frame(b": ping\n\n", "", b"").data == b""
