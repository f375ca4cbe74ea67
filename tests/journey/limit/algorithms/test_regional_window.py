"""The regional window: bounds with regions in touch and apart, and totals that only grow."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.regional_window import RegionalWindow
from sluicegate.state.contract import EXACT, NEVER, Counts
from support.limit_properties import (
    ANY_HISTORIES,
    SECOND,
    History,
    check_refusal,
    check_remaining,
    play,
    said,
)

PERIOD = 60 * SECOND
NOON = 19_675 * 86400 * SECOND + 43200 * SECOND
Message = tuple[int, str, str, int, int]
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([NOON, NOON, NOON, NOON - PERIOD, NOON + PERIOD]),
        st.sampled_from(["north", "south"]),
        st.sampled_from(["1", "2"]),
        st.integers(0, 200),
        st.integers(0, 200),
    ),
    max_size=12,
)
REQUESTS = st.lists(
    st.tuples(st.integers(0, SECOND), st.integers(0, 2), st.integers(1, 9)), max_size=80
)
WINDOW = RegionalWindow(100, PERIOD, 75)


def merged(counts: Counts | None, messages: Sequence[Message]) -> Counts:
    for message in messages:
        counts = WINDOW.merge(counts, NOON, *message)
    return counts or (NOON, 0, 0)


def known(counts: Counts) -> set[tuple[int | str, ...]]:
    return {counts[at : at + 4] for at in range(3, len(counts), 4)}


def test_the_own_cap_and_what_others_have_taken_both_hold() -> None:
    outcome, counts = WINDOW.decide(None, NOON, 70)
    assert (outcome.limit, said(outcome)) == (75, (True, 5, PERIOD, 0))
    assert said(WINDOW.decide(counts, NOON, 6)[0]) == (False, 5, PERIOD, PERIOD)
    assert said(WINDOW.decide(counts, NOON, 76)[0]) == (False, 5, PERIOD, NEVER)
    counts = WINDOW.merge(counts, NOON, NOON, "north", "1", 40, 12)
    assert said(WINDOW.decide(counts, NOON, 3)[0]) == (False, 2, PERIOD, PERIOD)
    assert said(WINDOW.decide(counts, NOON + 1, 2)[0]) == (True, 0, PERIOD - 1, 0)
    assert said(WINDOW.decide(counts, NOON + PERIOD, 75)[0]) == (True, 0, PERIOD, 0)


def test_a_state_that_began_again_counts_beside_what_it_counted_before() -> None:
    counts = merged(None, [(NOON, "north", "1", 40, 0), (NOON, "north", "2", 30, 0)])
    assert WINDOW.decide(counts, NOON, 0)[0].remaining == 30


@given(
    st.builds(RegionalWindow, st.integers(1, 40), st.just(PERIOD), st.integers(1, 60)),
    ANY_HISTORIES,
)
def test_alone_it_says_what_is_exact_to_the_microsecond(
    window: RegionalWindow, history: History
) -> None:
    for step in play(window, history):
        check_refusal(window, step)
        check_remaining(window, step)


@given(MESSAGES, MESSAGES)
def test_messages_may_be_repeated_and_come_in_any_order(
    some: list[Message], more: list[Message]
) -> None:
    counts = merged(WINDOW.decide(None, NOON, 5)[1], [*some, *more])
    again = merged(counts, [*reversed(some), *more])
    assert again == counts
    for order in list(permutations([*some[:3], *more[:2]]))[:24]:
        assert known(merged(None, order)) == known(merged(None, [*some[:3], *more[:2]]))


@given(MESSAGES, MESSAGES)
def test_what_is_known_only_grows(some: list[Message], more: list[Message]) -> None:
    before, after = merged(None, [*some, *more[:1]]), merged(None, [*some, *more[:1], *more])
    newest = {told[:2]: told[2:] for told in known(after)}
    for region, epoch, taken, returned in known(before):
        assert all(
            new >= old for new, old in zip(newest[region, epoch], (taken, returned), strict=True)
        )


@given(REQUESTS, st.integers(0, 5 * SECOND), st.booleans())
def test_apart_all_caps_are_the_bound_and_in_touch_what_was_admitted_before_word_arrived(
    requests: list[tuple[int, int, int]],
    lag_us: int,
    apart: bool,  # noqa: FBT001 - drawn
) -> None:
    names, now = ("east", "north", "south"), NOON
    counts: dict[str, Counts | None] = dict.fromkeys(names)
    words: list[tuple[int, str, tuple[int, int, int]]] = []
    admitted: list[tuple[int, str, int]] = []
    for pause_us, place, cost in requests:
        now = min(now + pause_us, NOON + PERIOD - 1)
        here = names[place]
        if not apart:
            for told_us, region, word in words:
                if region != here and told_us + lag_us <= now:
                    counts[here] = WINDOW.merge(counts[here], now, word[0], region, "1", *word[1:])
        outcome, counts[here] = WINDOW.decide(counts[here], now, cost)
        if not outcome.admitted:
            continue
        admitted.append((now, here, cost))
        words.append((now, here, WINDOW.totals(counts[here], now)))
        total = sum(one for _, _, one in admitted)
        assert sum(one for _, region, one in admitted if region == here) <= 75
        if not apart:
            unheard = sum(
                one for then, region, one in admitted if region != here and then + lag_us > now
            )
            assert total <= 100 + unheard
    assert sum(one for _, _, one in admitted) <= 3 * 75


def test_what_is_given_back_is_told_as_returned_and_only_within_the_window() -> None:
    counts = WINDOW.decide(None, NOON, 9)[1]
    counts = WINDOW.adjust(counts, NOON + 1, NOON, -4)
    assert WINDOW.totals(counts, NOON + 1) == (NOON, 9, 4)
    assert WINDOW.totals(WINDOW.adjust(counts, NOON + 1, NOON, -99), NOON) == (NOON, 9, 9)
    later = NOON + PERIOD
    assert WINDOW.totals(WINDOW.adjust(counts, later, NOON, -1), later) == (later, 0, 0)
    assert WINDOW.totals(WINDOW.adjust(counts, later, NOON, 3), later) == (later, 3, 0)
    assert WINDOW.adjust(counts, NOON, NOON, EXACT)[1] == EXACT


def test_parts_of_workers_add_up_to_the_cap() -> None:
    parts = [WINDOW.share(4, place) for place in range(4)]
    assert [part.limit for part in parts if part] == [19, 19, 19, 18]
    assert RegionalWindow(10, PERIOD, 1).share(2, 1) is None


def test_windows_that_regions_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 10 seconds"):
        RegionalWindow(100, 9_999_999, 75)
    with pytest.raises(ValueError, match="write at least 1"):
        RegionalWindow(100, PERIOD, 0)
    assert RegionalWindow(100, PERIOD, 500).limit == 100
