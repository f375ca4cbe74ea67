from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.authenticate.key_cache import ABSENT_S, KeyCache, KnownKey
from sluicegate.journey.authenticate.key_record import KeyRecord
from sluicegate.model.consumer import Consumer


def known(name: str, consumer: str = "ann", team: str | None = None) -> KnownKey:
    record = KeyRecord(consumer, Consumer(team=team), None, name)
    return KnownKey(name, "p", b"d" * 32, record, 0.0)


def filled(cache: KeyCache, names: range) -> None:
    for number in names:
        cache.put(known(str(number)))


def test_what_was_put_is_there_until_it_is_forgotten() -> None:
    cache = KeyCache()
    one = known("a")
    cache.put(one)
    assert cache.get(b"a") is one
    assert len(cache) == 1
    cache.forget(b"a")
    assert cache.get(b"a") is None
    cache.forget(b"a")


def test_a_newer_key_of_a_name_takes_the_place_of_the_older_in_either_generation() -> None:
    cache = KeyCache(most_keys=4)
    filled(cache, range(3))
    newer = known("0")
    cache.put(newer)
    assert cache.get(b"0") is newer
    assert len(cache) == 3


def test_keys_in_use_stay_when_others_come_and_the_rest_goes() -> None:
    cache = KeyCache(most_keys=10)
    cache.put(known("used"))
    for number in range(100):
        cache.put(known(str(number)))
        assert cache.get(b"used") is not None
    assert cache.get(b"0") is None
    assert cache.get(b"99") is not None


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "get", "forget", "absent"]), st.integers(0, 30)),
        max_size=200,
    )
)
def test_no_more_is_kept_than_fits_and_nothing_is_two_things(steps: list[tuple[str, int]]) -> None:
    cache = KeyCache(most_keys=8, most_absent=4)
    last: dict[int, str] = {}
    for step, number in steps:
        name = str(number).encode()
        if step == "put":
            cache.put(known(str(number)))
        elif step == "absent":
            cache.put_absent(name, 0.0)
        elif step == "forget":
            cache.forget(name)
        if step != "get":
            last[number] = step
        found, absent = cache.get(name), cache.is_absent(name, 0.0)
        assert found is None or (last.get(number) == "put" and found.name == str(number))
        assert not absent or last.get(number) == "absent"
        assert len(cache) <= 8
        assert len(cache._absent) <= 4
        if step in {"put", "absent"}:
            assert (found is not None) is (step == "put")
            assert absent is (step == "absent")


def test_a_name_is_nobodys_for_seconds_only() -> None:
    cache = KeyCache()
    cache.put_absent(b"a", 10.0)
    assert cache.is_absent(b"a", 10.0 + ABSENT_S - 0.001)
    assert not cache.is_absent(b"a", 10.0 + ABSENT_S)
    assert not cache.is_absent(b"b", 10.0)


def test_of_names_that_are_nobodys_the_oldest_make_room() -> None:
    cache = KeyCache(most_absent=3)
    for number in range(4):
        cache.put_absent(str(number).encode(), float(number))
    assert [cache.is_absent(str(n).encode(), 3.0) for n in range(4)] == [False, True, True, True]
    cache.put_absent(b"4", 100.0)
    assert len(cache._absent) == 1


def test_keys_of_a_consumer_or_a_team_are_forgotten_in_both_generations() -> None:
    for forget in ("forget_consumers", "forget_teams"):
        cache = KeyCache(most_keys=4)
        for name, whose in (("a", "ann"), ("b", "bob"), ("c", "ann"), ("d", "bob")):
            cache.put(known(name, whose, whose))
        getattr(cache, forget)(frozenset({"ann", "nobody"}))
        assert [cache.get(name) is None for name in (b"a", b"b", b"c", b"d")] == [
            True, False, True, False,
        ]  # fmt: skip


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "get", "forget", "consumer", "team", "doubt"]),
            st.integers(0, 11),
        ),
        max_size=100,
    )
)
def test_no_key_of_what_has_changed_is_given_out(steps: list[tuple[str, int]]) -> None:
    cache = KeyCache(most_keys=6)
    lives: set[int] = set()
    for step, number in steps:
        name = str(number).encode()
        if step == "put":
            cache.put(known(str(number), f"c{number % 4}", f"t{number % 3}"))
            lives.add(number)
        elif step == "get":
            assert cache.get(name) is None or number in lives
        elif step == "forget":
            cache.forget(name)
            lives.discard(number)
        elif step == "consumer":
            cache.forget_consumers(frozenset({f"c{number % 4}"}))
            lives = {each for each in lives if each % 4 != number % 4}
        elif step == "team":
            cache.forget_teams(frozenset({f"t{number % 3}"}))
            lives = {each for each in lives if each % 3 != number % 3}
        else:
            cache.doubt()
        assert len(cache) <= 6
        marks = (cache._younger.consumers, cache._younger.teams)
        assert all(len(each) <= 3 for each in marks)
    found = {number for number in range(12) if cache.get(str(number).encode())}
    assert found <= lives


def test_a_change_of_one_consumer_leaves_keys_of_others_known() -> None:
    cache = KeyCache()
    cache.put(known("a", "ann", "red"))
    cache.put(known("b", "bob", "blue"))
    cache.forget_consumers(frozenset({"ann"}))
    cache.forget_teams(frozenset({"green"}))
    for _ in range(2):
        assert cache.get(b"a") is None
        assert cache.get(b"b") is not None
    cache.put(known("a", "ann", "red"))  # as it is after the change
    assert cache.get(b"a") is not None


def test_what_is_dropped_is_freed_bit_by_bit_and_before_more_is_dropped() -> None:
    cache = KeyCache(most_keys=100)
    filled(cache, range(100))
    assert not cache._dropped
    cache.put(known("a"))
    assert [len(keys) for keys in cache._dropped] == [46]
    for number in range(1000):
        cache.put(known(str(number)))
        assert sum(map(len, cache._dropped)) <= 100
        assert len(cache._dropped) <= 3


def test_keys_that_are_doubted_are_known_and_due_once() -> None:
    cache = KeyCache(most_keys=4)
    for name in "ab":
        one = known(name)
        one.due = 5.0
        cache.put(one)
    cache.put_absent(b"x", 0.0)
    cache.doubt()
    assert not cache.is_absent(b"x", 0.0)
    found = cache.get(b"a")
    assert found is not None
    assert found.due == 0.0
    found.due = 9.0
    assert cache.get(b"a") is found
    assert found.due == 9.0
    later = known("c")
    later.due = 7.0
    cache.put(later)
    assert later.due == 7.0
