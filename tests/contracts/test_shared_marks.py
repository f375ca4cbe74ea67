"""Marks end at the same time in memory and in Lua on a real Valkey, whatever was marked before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.metrics import Metrics
from sluicegate.state.memory import MemoryState
from support.counting import counting
from support.effort import THOROUGH
from support.lua_form import START, LuaForm
from support.mock_clock import MockClock
from support.valkey import Valkey

NAMES = ["a", "b", "deployment\x1fwith\x1fparts", "jö"]
LASTING = {"lasting": 60_000}
"""Marked at each step: the key ends by the server's clock, while marks end by the test's."""
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3_000_000),
        st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5_000), min_size=1),
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def form(shared_valkey: Valkey) -> Iterator[Callable[[], LuaForm]]:
    with shared_valkey.client() as client:
        known: dict[str, str] = {}
        yield lambda: LuaForm(client, known)


def test_memory_and_lua_say_the_same_of_every_history(form: Callable[[], LuaForm]) -> None:
    @settings(max_examples=300 if THOROUGH else 30)
    @given(STEPS)
    def compare(steps: list[tuple[int, dict[str, int]]]) -> None:
        lua, clock = form(), MockClock(START)
        memory = MemoryState(clock, Metrics())
        key = f"{lua.begin}{{marks}}"
        for pause_us, lives_ms in steps:
            clock.advance(pause_us / 1_000_000)
            now_us = clock.wall_us()
            marked = lives_ms | LASTING
            asyncio.run(memory.mark(marked))
            pairs = [part for pair in marked.items() for part in pair]
            lua.call("mark", [key], now_us, *pairs)
            said = asyncio.run(memory.marks(NAMES))
            assert lua.call("marks", [key], now_us, *NAMES) == said

    compare()


def test_the_key_of_marks_that_are_all_over_is_gone(form: Callable[[], LuaForm]) -> None:
    lua = form()
    key = f"{lua.begin}{{marks}}"
    lua.call("mark", [key], START, "a", 60_000, "b", 1000)
    assert 30_000 < lua.client.pttl(key) <= 60_000
    lua.call("mark", [key], START + 61_000_000, "c", 0)
    assert not lua.client.exists(key)


def test_what_one_worker_marks_all_others_see(valkey: Valkey) -> None:
    with counting(valkey.url) as one, counting(valkey.url) as other:
        one.call(one.state.mark({"a": 60_000, "b": 30_000}))
        other.call(other.state.mark({"b": 10_000, "c": 90_000}))
        for state in (one, other):
            lives = state.call(state.state.marks(["a", "b", "c", "d"]))
            assert lives[3] == 0
            assert 50_000 < lives[0] <= 60_000
            assert 20_000 < lives[1] <= 30_000
            assert 80_000 < lives[2] <= 90_000
