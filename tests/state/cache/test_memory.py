from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.metrics import Metrics
from sluicegate.state.cache.memory import ENTRY_BYTES, MemoryCache
from support.mock_clock import MockClock


def found(cache: MemoryCache, key: bytes) -> bytes | None:
    return asyncio.run(cache.get(key))


def test_the_one_not_asked_for_longest_makes_room() -> None:
    metrics = Metrics()
    cache = MemoryCache(MockClock(), metrics, 3 * (ENTRY_BYTES + 1))
    for key in (b"a", b"b", b"c"):
        cache.put(key, b"1", 60)
    assert found(cache, b"a") == b"1"
    cache.put(b"d", b"1", 60)
    assert [found(cache, key) for key in (b"a", b"b", b"c", b"d")] == [b"1", None, b"1", b"1"]
    assert metrics.families["sluicegate_cache_evicted_total"].cell().value == 1
    metrics.dump()
    assert metrics.families["sluicegate_cache_bytes"].cell().value == 3 * (ENTRY_BYTES + 1)


def test_a_value_is_gone_when_its_time_is_over() -> None:
    clock = MockClock()
    cache = MemoryCache(clock, Metrics(), 65536)
    cache.put(b"a", b"1", 5)
    clock.advance(4.9)
    assert found(cache, b"a") == b"1"
    clock.advance(0.2)
    assert found(cache, b"a") is None
    assert cache.bytes == 0


def test_what_is_larger_than_the_cache_is_not_kept_and_what_was_there_is_gone() -> None:
    cache = MemoryCache(MockClock(), Metrics(), 4096)
    cache.put(b"a", b"old", 60)
    cache.put(b"a", b"x" * 4096, 60)
    assert found(cache, b"a") is None
    cache.put(b"a", b"new", 60)
    cache.close()
    assert found(cache, b"a") is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3000), st.integers(-1, 9))))
def test_it_never_holds_more_than_its_bound_and_counts_right(
    puts: list[tuple[int, int, int]],
) -> None:
    cache = MemoryCache(MockClock(), Metrics(), 8192)
    for key, size, life_s in puts:
        cache.put(b"%d" % key, bytes(size), life_s)
        assert 0 <= cache.bytes <= 8192
    kept = [
        value for value in (found(cache, b"%d" % key) for key in range(10)) if value is not None
    ]
    assert cache.bytes == sum(len(value) + ENTRY_BYTES for value in kept)
