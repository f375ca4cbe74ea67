"""What a HorizontalPodAutoscaler decides: functions of what was measured, what was done, and now.

The arithmetic is that of the Kubernetes documentation, "Horizontal Pod Autoscaling", sections
"Algorithm details" and "Configurable scaling behavior", and where the words leave a choice, that of
kubernetes/pkg/controller/podautoscaler (`replica_calculator.go`, `horizontal.go`). Amounts are
whole thousandths (of a CPU core, of a byte, of a custom unit), as there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from rehearsal.objects import Manifest, quantity

TOLERANCE = Fraction(1, 10)
"""`--horizontal-pod-autoscaler-tolerance`'s default; ratios are exact here, not floating."""

CPU_INITIALIZATION_S, INITIAL_READINESS_S = 300.0, 30.0
"""Its flags `…-cpu-initialization-period` and `…-initial-readiness-delay`."""

CONTAINERS_OWN = ("cpu", "memory")


@dataclass(frozen=True)
class Measured:
    """One pod as the autoscaler sees it: `value` in thousandths, None where nothing is known.

    `request` is the sum of its containers' requests in thousandths, None where one has none.
    Times are seconds of one clock.
    """

    value: int | None
    request: int | None = None
    ready: bool = True
    deleted: bool = False
    failed: bool = False
    pending: bool = False
    started_s: float = -math.inf
    ready_changed_s: float = -math.inf
    measured_s: float = 0.0
    window_s: float = 0.0


@dataclass(frozen=True)
class Target:
    """What one metric of the spec asks for: per cent of the requests, or an amount for each pod."""

    metric: str
    percent: int | None = None
    amount: int | None = None


@dataclass(frozen=True)
class Policy:
    """At most `value` pods, or per cent of the pods, in `period_s`."""

    kind: str
    value: int
    period_s: int


@dataclass(frozen=True)
class Rules:
    """How fast one direction may go. `select` is Max, Min or Disabled."""

    policies: tuple[Policy, ...]
    window_s: int
    select: str = "Max"


DEFAULT_UP = Rules((Policy("Percent", 100, 15), Policy("Pods", 4, 15)), 0)
DEFAULT_DOWN = Rules((Policy("Percent", 100, 15),), 300)


@dataclass(frozen=True)
class Spec:
    """A HorizontalPodAutoscaler, read."""

    target_kind: str
    target_name: str
    least: int
    most: int
    metrics: tuple[Target, ...]
    up: Rules = DEFAULT_UP
    down: Rules = DEFAULT_DOWN


@dataclass(frozen=True)
class History:
    """What one autoscaler remembers: recommendations, and changes it made, each with its time."""

    recommended: tuple[tuple[float, int], ...] = ()
    added: tuple[tuple[float, int], ...] = ()
    removed: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class Decision:
    """How many replicas there shall be, and what to remember."""

    replicas: int
    history: History = field(default_factory=History)
    why: str = ""


# --- reading the manifest -----------------------------------------------------------------------


def read(manifest: Manifest) -> Spec:
    """Read an `autoscaling/v2` manifest; raises ValueError for what is not served."""
    spec = manifest["spec"]
    behavior = spec.get("behavior", {})
    unknown = set(behavior) - {"scaleUp", "scaleDown"}
    if manifest["apiVersion"] != "autoscaling/v2" or unknown:
        raise ValueError(f"only autoscaling/v2 with scaleUp and scaleDown, not {sorted(unknown)}")
    return Spec(
        target_kind=spec["scaleTargetRef"]["kind"],
        target_name=spec["scaleTargetRef"]["name"],
        least=spec.get("minReplicas", 1),
        most=spec["maxReplicas"],
        metrics=tuple(_target(metric) for metric in spec["metrics"]),
        up=_rules(behavior.get("scaleUp", {}), DEFAULT_UP),
        down=_rules(behavior.get("scaleDown", {}), DEFAULT_DOWN),
    )


def _target(metric: Mapping[str, Any]) -> Target:
    match metric["type"]:
        case "Resource":
            name, target = metric["resource"]["name"], metric["resource"]["target"]
        case "Pods":
            name, target = metric["pods"]["metric"]["name"], metric["pods"]["target"]
        case other:
            raise ValueError(f"metrics of type {other} are not served")
    if target["type"] == "Utilization":
        return Target(name, percent=target["averageUtilization"])
    if target["type"] == "AverageValue":
        return Target(name, amount=milli(target["averageValue"]))
    raise ValueError(f"targets of type {target['type']} are not served")


def _rules(given: Mapping[str, Any], default: Rules) -> Rules:
    policies = tuple(
        Policy(policy["type"], policy["value"], policy["periodSeconds"])
        for policy in given.get("policies", ())
    )
    return Rules(
        policies or default.policies,
        given.get("stabilizationWindowSeconds", default.window_s),
        given.get("selectPolicy", default.select),
    )


def milli(amount: object) -> int:
    """Return a quantity in thousandths, rounded up."""
    return math.ceil(quantity(amount) * 1000)


def request(pod_spec: Mapping[str, Any], resource: str) -> int | None:
    """Return what the containers of a pod ask for, in thousandths; None where one asks nothing."""
    asked = [
        container.get("resources", {}).get("requests", {}).get(resource)
        for container in pod_spec["containers"]
    ]
    return None if None in asked else sum(milli(each) for each in asked)


# --- what the metrics propose -------------------------------------------------------------------


def ratio(target: Target, pods: Sequence[tuple[int, int | None]]) -> Fraction:
    """Return usage over target for (value, request) pairs.

    Raises ZeroDivisionError where there is nothing to divide by.
    """
    total = sum(value for value, _ in pods)
    if target.percent is not None:
        requests = sum(asked or 0 for _, asked in pods)
        return Fraction(total * 100 // requests, target.percent)
    assert target.amount is not None
    return Fraction(total // len(pods), target.amount)


def propose(
    target: Target,
    pods: Sequence[Measured],
    current: int,
    now_s: float,
    tolerance: Fraction = TOLERANCE,
) -> int | None:
    """Return the replicas that one metric asks for, or None where it can say nothing."""
    alive = [pod for pod in pods if not pod.deleted and not pod.failed]
    if target.percent is not None and any(pod.request is None for pod in alive):
        return None
    unready = [pod for pod in alive if _set_aside(target, pod, now_s)]
    rest = [pod for pod in alive if not _set_aside(target, pod, now_s)]
    known = [(pod.value, pod.request) for pod in rest if pod.value is not None]
    missing = [pod for pod in rest if pod.value is None]
    try:
        first = ratio(target, known)
    except ZeroDivisionError:
        return None
    fill_unready = bool(unready) and first > 1
    if first == 1:
        return current
    if not missing and not fill_unready:
        return current if abs(1 - first) <= tolerance else math.ceil(first * len(known))
    filled = known + [(_assumed(target, pod, first), pod.request) for pod in missing]
    if fill_unready:
        filled += [(0, pod.request) for pod in unready]
    second = ratio(target, filled)
    proposed = math.ceil(second * len(filled))
    turned = (second > 1) != (first > 1) or (proposed > current) != (first > 1)
    return current if abs(1 - second) <= tolerance or turned else proposed


def _set_aside(target: Target, pod: Measured, now_s: float) -> bool:
    """Say whether a pod is not yet ready: pending, or (for CPU) in its first minutes."""
    if pod.pending:
        return True
    if target.metric != "cpu" or pod.value is None:
        return False
    if pod.started_s + CPU_INITIALIZATION_S > now_s:
        return not pod.ready or pod.measured_s < pod.ready_changed_s + pod.window_s
    return not pod.ready and pod.started_s + INITIAL_READINESS_S > pod.ready_changed_s


def _assumed(target: Target, pod: Measured, first: Fraction) -> int:
    """Return what a pod without a metric is taken to use: its request or target, or nothing."""
    if first > 1:
        return 0
    if target.percent is None:
        return target.amount or 0
    return pod.request or 0


def largest(proposals: Sequence[int | None], current: int) -> int | None:
    """Return the largest proposal; None where what is known says down and something is unknown."""
    known = [proposal for proposal in proposals if proposal is not None]
    if not known or (len(known) < len(proposals) and max(known) < current):
        return None
    return max(known)


# --- what the behaviour allows ------------------------------------------------------------------


def decide(
    spec: Spec, history: History, current: int, proposed: int | None, now_s: float
) -> Decision:
    """Return the replicas after bounds, stabilisation and policies; `current` is asked now."""
    if current == 0:
        return Decision(0, history, "switched off")
    if not spec.least <= current <= spec.most:
        within = min(max(current, spec.least), spec.most)
        return Decision(within, _remember(spec, history, current, within, now_s), "out of bounds")
    if proposed is None:
        return Decision(current, history, "metrics unknown")
    first = history.recommended or ((now_s, current),)
    stable = _stabilised(spec, first, current, proposed, now_s)
    oldest = now_s - max(spec.up.window_s, spec.down.window_s)
    kept = tuple(each for each in first if each[0] >= oldest)
    history = replace(history, recommended=(*kept, (now_s, proposed)))
    wanted = min(max(stable, spec.least), spec.most)
    allowed = _within_policies(spec, history, current, wanted, now_s)
    why = f"metrics say {proposed}, stable {stable}, policies allow {allowed}"
    return Decision(allowed, _remember(spec, history, current, allowed, now_s), why)


def _stabilised(
    spec: Spec, recommended: Sequence[tuple[float, int]], current: int, proposed: int, now_s: float
) -> int:
    """Go up no further than the lowest recommendation of its window, down than the highest."""
    up = min([proposed, *(n for t, n in recommended if t > now_s - spec.up.window_s)])
    down = max([proposed, *(n for t, n in recommended if t > now_s - spec.down.window_s)])
    return min(max(current, up), down)


def _within_policies(spec: Spec, history: History, current: int, wanted: int, now_s: float) -> int:
    if wanted > current:
        return min(wanted, max(current, limit(spec.up, history, current, now_s, up=True)))
    if wanted < current:
        return max(wanted, min(current, limit(spec.down, history, current, now_s, up=False)))
    return current


def limit(rules: Rules, history: History, current: int, now_s: float, *, up: bool) -> int:
    """Return the most (up) or least (down) replicas that the policies allow now."""
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        began = now_s - policy.period_s
        start = current - _changed(history.added, began) + _changed(history.removed, began)
        share = Fraction(policy.value, 100)
        if policy.kind == "Pods":
            limits.append(start + (policy.value if up else -policy.value))
        elif up:
            limits.append(math.ceil(start * (1 + share)))
        else:
            limits.append(int(start * (1 - share)))
    furthest = up == (rules.select == "Max")
    return max(limits) if furthest else min(limits)


def _changed(events: Sequence[tuple[float, int]], since_s: float) -> int:
    return sum(count for at_s, count in events if at_s > since_s)


def _remember(spec: Spec, history: History, current: int, replicas: int, now_s: float) -> History:
    longest = max(policy.period_s for policy in (*spec.up.policies, *spec.down.policies))
    added = tuple(each for each in history.added if each[0] > now_s - longest)
    removed = tuple(each for each in history.removed if each[0] > now_s - longest)
    if replicas > current:
        added = (*added, (now_s, replicas - current))
    elif replicas < current:
        removed = (*removed, (now_s, current - replicas))
    return replace(history, added=added, removed=removed)
