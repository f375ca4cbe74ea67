"""A rolling update never has too few available, never too many in all, and always ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.deployment import (
    Count,
    Standing,
    fenceposts,
    grow,
    recreate,
    shrink,
    step,
    template_hash,
    victims,
)

BOUNDS = st.one_of(st.integers(0, 5), st.integers(0, 100).map(lambda share: f"{share}%"))


@pytest.mark.parametrize(
    ("desired", "unavailable", "surge", "expected"),
    [
        (2, "1%", "0%", (0, 1)),
        (1, "1%", "0%", (0, 1)),
        (2, "25%", "1%", (1, 0)),
        (1, "25%", "1%", (1, 0)),
        (3, 0, 1, (1, 0)),
        (10, "25%", "25%", (3, 2)),
    ],
)
def test_a_surge_is_rounded_up_and_what_may_be_missing_down(
    desired: int, unavailable: int | str, surge: int | str, expected: tuple[int, int]
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    assert fenceposts({"rollingUpdate": rolling}, desired) == expected


def test_three_replicas_with_one_surge_are_replaced_one_by_one() -> None:
    assert step(3, 1, 0, Count(0), [Count(3, 3)]) == (1, [3])
    assert step(3, 1, 0, Count(1), [Count(3, 3)]) == (1, [3])  # not ready yet: nothing goes
    assert step(3, 1, 0, Count(1, 1), [Count(3, 3)]) == (1, [2])
    assert step(3, 1, 0, Count(1, 1), [Count(2, 2)]) == (2, [2])
    assert step(3, 1, 0, Count(3, 3), [Count(1, 1)]) == (3, [0])


@given(
    st.integers(1, 12),
    BOUNDS,
    BOUNDS,
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60),
)
def test_an_update_keeps_its_bounds_whatever_becomes_ready_when(
    desired: int, surge_given: int | str, unavailable_given: int | str, luck: list[tuple[int, int]]
) -> None:
    rolling = {"maxSurge": surge_given, "maxUnavailable": unavailable_given}
    surge, unavailable = fenceposts({"rollingUpdate": rolling}, desired)
    unavailable = min(unavailable, desired)
    new, old = Count(0), Count(desired, desired)
    for become_ready, _ in luck + [(3, 0)] * 60:
        asked, (left,) = step(desired, surge, unavailable, new, [old])
        new = Count(asked, min(asked, new.available))
        old = Count(left, min(left, old.available))
        assert new.replicas + old.replicas <= desired + surge
        assert new.available + old.available >= desired - unavailable
        new = Count(new.replicas, min(new.replicas, new.available + become_ready))
    assert (new, old) == (Count(desired, desired), Count(0))


@given(st.integers(1, 8), st.integers(0, 8), st.integers(0, 3))
def test_old_pods_that_are_not_ready_go_first(desired: int, broken: int, surge: int) -> None:
    broken = min(broken, desired)
    old = Count(desired, desired - broken)
    (left,) = shrink(desired, 0, Count(0), [old])
    assert left >= old.available
    assert grow(desired, surge, Count(0), [old]) <= surge


def test_a_broken_template_leaves_the_old_pods_serving() -> None:
    new, old = Count(0), Count(3, 3)
    for _ in range(20):
        asked, (left,) = step(3, 1, 0, new, [old])
        new, old = Count(asked), Count(left, left)
    assert (new, old) == (Count(1), Count(3, 3))


def test_recreate_waits_until_the_last_old_pod_is_gone() -> None:
    assert recreate(3, 1, Count(0), [Count(3, 3)]) == (0, [0])
    assert recreate(3, 0, Count(0), [Count(0)]) == (3, [0])


def test_pods_that_serve_least_are_taken_away_first() -> None:
    pods = [
        Standing("old", ready=True, ready_for_s=100),
        Standing("fresh", ready=True, ready_for_s=5),
        Standing("crowded", ready=True, node_shared_with=2, ready_for_s=200),
        Standing("starting", ready=False),
        Standing("waiting", ready=False, placed=False),
    ]
    assert victims(pods, 4) == ["waiting", "starting", "crowded", "fresh"]
    assert victims(pods, -1) == []


def test_an_annotation_of_the_template_changes_its_hash() -> None:
    plain = {"spec": {"template": {"metadata": {"annotations": {"checksum": "1"}}}}}
    other = {"spec": {"template": {"metadata": {"annotations": {"checksum": "2"}}}}}
    assert template_hash(plain) != template_hash(other)
