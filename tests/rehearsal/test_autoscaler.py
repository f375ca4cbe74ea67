"""The autoscaler's arithmetic against the documented formula, and what dampens it."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rehearsal.autoscaler import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    History,
    Measured,
    Policy,
    Rules,
    Spec,
    Target,
    decide,
    largest,
    propose,
    read,
)

NOW = 1_000.0
CPU = Target("cpu", percent=70)
LOADS = st.lists(st.integers(1, 4_000), min_size=1, max_size=10)
OLD = 600.0
"""Seconds ago: outside of every initial period."""


def pod(value: int | None, **facts: object) -> Measured:
    began = NOW - OLD
    given = {"request": 1_000, "started_s": began, "ready_changed_s": began, "measured_s": NOW}
    return Measured(value, **{**given, **facts})  # type: ignore[arg-type]


def spec(
    least: int = 1, most: int = 100, up: Rules = DEFAULT_UP, down: Rules = DEFAULT_DOWN
) -> Spec:
    return Spec("Deployment", "gateway", least, most, (CPU,), up, down)


# --- the ratio ----------------------------------------------------------------------------------


@given(LOADS)
def test_replicas_follow_the_documented_formula(loads: list[int]) -> None:
    utilization = sum(loads) * 100 // (1_000 * len(loads))
    ratio = Fraction(utilization, 70)
    expected = math.ceil(len(loads) * ratio)
    if abs(ratio - 1) <= Fraction(1, 10):
        expected = len(loads)
    assert propose(CPU, [pod(load) for load in loads], len(loads), NOW) == expected


@given(LOADS)
def test_an_amount_for_each_pod_is_compared_with_the_average(loads: list[int]) -> None:
    target = Target("requests_per_second", amount=500)
    ratio = Fraction(sum(loads) // len(loads), 500)
    expected = len(loads) if abs(ratio - 1) <= Fraction(1, 10) else math.ceil(len(loads) * ratio)
    pods = [pod(load, request=None) for load in loads]
    assert propose(target, pods, len(loads), NOW) == expected


def test_a_tenth_more_or_less_than_the_target_changes_nothing() -> None:
    assert propose(CPU, [pod(770)] * 4, 4, NOW) == 4
    assert propose(CPU, [pod(630)] * 4, 4, NOW) == 4
    assert propose(CPU, [pod(780)] * 4, 4, NOW) == 5


def test_a_pod_without_a_request_leaves_the_percentage_unknown() -> None:
    assert propose(CPU, [pod(900), pod(900, request=None)], 2, NOW) is None


def test_no_metrics_at_all_say_nothing() -> None:
    assert propose(CPU, [pod(None), pod(None)], 2, NOW) is None


def test_pods_that_end_or_have_failed_are_not_counted() -> None:
    pods = [pod(1_400), pod(0, deleted=True), pod(0, failed=True)]
    assert propose(CPU, pods, 1, NOW) == 2


# --- what is missing or not ready ---------------------------------------------------------------


@given(LOADS, st.integers(1, 5))
def test_pods_without_metrics_dampen_and_never_turn_the_direction(
    loads: list[int], missing: int
) -> None:
    current = len(loads) + missing
    utilization = sum(loads) * 100 // (1_000 * len(loads))
    found = propose(CPU, [pod(load) for load in loads] + [pod(None)] * missing, current, NOW)
    assert found is not None
    naive = math.ceil(current * Fraction(utilization, 70))
    if utilization >= 70:
        assert current <= found <= max(current, naive)
    else:
        assert naive <= found <= current


def test_missing_pods_count_as_idle_going_up_and_as_busy_going_down() -> None:
    up = [pod(1_400), pod(1_400), pod(None)]  # 140 % of two is 93 % of three
    assert propose(CPU, up, 3, NOW) == 4
    down = [pod(100), pod(100), pod(None)]  # 10 %, with the third at 100 %: 40 %
    assert propose(CPU, down, 3, NOW) == 2


@given(LOADS, st.integers(1, 5))
def test_pods_that_are_not_ready_yet_dampen_only_growth(loads: list[int], fresh: int) -> None:
    current = len(loads) + fresh
    starting = [pod(5_000, ready=False, started_s=NOW - 10, ready_changed_s=NOW - 10)] * fresh
    found = propose(CPU, [pod(load) for load in loads] + starting, current, NOW)
    assert found is not None
    total = sum(loads) * 100 // (1_000 * len(loads))
    if total > 70:
        assert current <= found <= max(current, math.ceil(current * Fraction(total, 70)))
    elif abs(Fraction(total, 70) - 1) > Fraction(1, 10):
        assert found == math.ceil(len(loads) * Fraction(total, 70))
    else:
        assert found == current


def test_a_measurement_from_before_a_pod_was_ready_is_set_aside() -> None:
    warm = pod(3_000, started_s=NOW - 60, ready_changed_s=NOW - 5, measured_s=NOW - 6)
    assert propose(CPU, [pod(700), warm], 2, NOW) == 2
    measured = pod(3_000, started_s=NOW - 60, ready_changed_s=NOW - 5)
    assert propose(CPU, [pod(700), measured], 2, NOW) == 6


def test_a_pod_that_was_ready_and_is_not_now_counts_once_its_first_minutes_are_over() -> None:
    sick = pod(3_000, ready=False, ready_changed_s=NOW - 5)
    assert propose(CPU, [pod(700), sick], 2, NOW) == 6


def test_memory_of_a_pod_that_is_not_ready_counts() -> None:
    memory = Target("memory", percent=80)
    fresh = pod(3_000, ready=False, started_s=NOW - 10)
    assert propose(memory, [pod(800), fresh], 2, NOW) == 5


# --- several metrics ----------------------------------------------------------------------------


def test_the_largest_of_several_metrics_counts() -> None:
    assert largest([3, 7, 5], 4) == 7


def test_an_unknown_metric_stops_shrinking_and_not_growing() -> None:
    assert largest([2, None], 4) is None
    assert largest([6, None], 4) == 6
    assert largest([None, None], 4) is None


# --- behaviour ----------------------------------------------------------------------------------

RULES = st.builds(
    Rules,
    st.lists(
        st.builds(
            Policy,
            st.sampled_from(["Pods", "Percent"]),
            st.integers(1, 200),
            st.sampled_from([15, 60, 120]),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    st.sampled_from([0, 30, 300]),
    st.sampled_from(["Max", "Min", "Disabled"]),
)


def allowed(rules: Rules, start: int, policy: Policy, *, up: bool) -> int:
    """Return how far one policy lets `start` replicas go within its period."""
    del rules
    change = Fraction(policy.value, 100) * start if policy.kind == "Percent" else policy.value
    return math.ceil(start + change) if up else math.floor(start - change)


@given(RULES, RULES, st.lists(st.integers(0, 120), min_size=1, max_size=25))
def test_no_period_changes_more_than_its_policies_allow(
    up: Rules, down: Rules, wishes: list[int]
) -> None:
    asked = spec(1, 100, up, down)
    replicas, history, past = 10, History(), [(0.0, 10)]
    for number, wish in enumerate(wishes, 1):
        now = number * 15.0
        decision = decide(asked, history, replicas, wish, now)
        goes_up = decision.replicas > replicas
        if decision.replicas != replicas:
            rules = up if goes_up else down
            assert rules.select != "Disabled"
            limits = [
                allowed(rules, at(past, now - policy.period_s), policy, up=goes_up)
                for policy in rules.policies
            ]
            furthest = max if goes_up == (rules.select == "Max") else min
            bound = furthest(limits)
            assert decision.replicas <= bound if goes_up else decision.replicas >= bound
        assert 1 <= decision.replicas <= 100
        replicas, history = decision.replicas, decision.history
        past.append((now, replicas))


def at(past: list[tuple[float, int]], when_s: float) -> int:
    """Return how many replicas there were just after a moment."""
    return [count for moment, count in past if moment <= max(0.0, when_s)][-1]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.sampled_from([0, 60, 300]))
def test_replicas_shrink_to_no_less_than_was_recommended_within_the_window(
    wishes: list[int], window_s: int
) -> None:
    asked = spec(1, 50, DEFAULT_UP, Rules(DEFAULT_DOWN.policies, window_s))
    replicas, history, told = 10, History(), [(0.0, 10)]
    for number, wish in enumerate(wishes, 1):
        now = number * 15.0
        decision = decide(asked, history, replicas, wish, now)
        told.append((now, wish))
        recent = [wish for moment, wish in told[1:] if moment > now - window_s] or [wish]
        if decision.replicas < replicas:
            assert decision.replicas >= max(recent)
        replicas, history = decision.replicas, decision.history


def test_ten_per_cent_of_eighty_leave_at_once_and_then_four_at_a_time() -> None:
    """The documentation's own example."""
    down = Rules((Policy("Pods", 4, 60), Policy("Percent", 10, 60)), 0)
    replicas, history, seen = 80, History(), [80]
    for minute in range(1, 14):
        decision = decide(spec(10, 100, down=down), history, replicas, 10, minute * 60.0)
        replicas, history = decision.replicas, decision.history
        seen.append(replicas)
    assert seen[:4] == [80, 72, 64, 57]
    assert [a - b for a, b in pairwise(seen[7:12])] == [4, 4, 4, 4]


def test_growth_is_fast_and_shrinking_slow_by_default() -> None:
    grown = decide(spec(3, 10), History(), 3, 10, 15.0)
    assert grown.replicas == 7  # four pods, or as many again
    grown = decide(spec(3, 10), grown.history, 7, 10, 30.0)
    assert grown.replicas == 10
    for second in range(45, 330, 15):
        kept = decide(spec(3, 10), grown.history, 10, 3, float(second))
        grown = kept
        assert kept.replicas == 10
    assert decide(spec(3, 10), grown.history, 10, 3, 331.0).replicas == 3


def test_replicas_out_of_bounds_are_brought_back_without_metrics() -> None:
    assert decide(spec(3, 10), History(), 1, None, 0).replicas == 3
    assert decide(spec(3, 10), History(), 12, None, 0).replicas == 10
    assert decide(spec(3, 10), History(), 0, 5, 0).replicas == 0


def test_a_manifest_is_read_with_the_defaults_of_the_api() -> None:
    manifest = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "gateway"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "gateway"},
            "minReplicas": 3,
            "maxReplicas": 10,
            "metrics": [
                resource("cpu", {"type": "Utilization", "averageUtilization": 70}),
                resource("memory", {"type": "AverageValue", "averageValue": "1Gi"}),
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
        },
    }
    found = read(manifest)
    assert found.metrics == (CPU, Target("memory", amount=2**30 * 1000))
    assert (found.up, found.down) == (DEFAULT_UP, Rules(DEFAULT_DOWN.policies, 60))


def resource(name: str, target: dict[str, object]) -> dict[str, object]:
    return {"type": "Resource", "resource": {"name": name, "target": target}}
