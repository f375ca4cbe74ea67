"""How many pods a PodDisruptionBudget lets go now, and whether this one may.

Source: Kubernetes documentation, "Specifying a Disruption Budget for your Application", and
kubernetes/pkg/controller/disruption (`getExpectedPodCount`) and
pkg/registry/core/pod/storage/eviction.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.objects import Manifest, name_of, scaled, selects

RETRY_S = 5.0
"""How long `kubectl drain` waits after an eviction was refused (kubectl/pkg/drain)."""


class Forbidden(Exception):
    """An eviction is refused for now (HTTP 429 of the eviction subresource), or for good (500)."""


@dataclass(frozen=True)
class Budget:
    """One budget now: pods that are healthy, that must be, and that are expected."""

    healthy: int
    wanted: int
    expected: int

    @property
    def allowed(self) -> int:
        """How many pods may be disrupted."""
        return max(0, self.healthy - self.wanted) if self.expected else 0


def budget(spec: Mapping[str, Any], expected: int, healthy: int) -> Budget:
    """Return the budget; `expected` are replicas asked for, `healthy` pods ready and not ending.

    A percentage of either kind is rounded up.
    """
    if "maxUnavailable" in spec:
        wanted = expected - scaled(spec["maxUnavailable"], expected, up=True)
    else:
        wanted = scaled(spec.get("minAvailable", 1), expected, up=True)
    return Budget(healthy, max(0, wanted), expected)


def covering(budgets: Sequence[Manifest], pod_labels: Mapping[str, str]) -> Manifest | None:
    """Return the budget that covers a pod; raises Forbidden where there are several."""
    found = [each for each in budgets if selects(each["spec"]["selector"], pod_labels)]
    if len(found) > 1:
        names = ", ".join(name_of(each) for each in found)
        raise Forbidden(f"a pod has more than one PodDisruptionBudget: {names}")
    return found[0] if found else None


def check(spec: Mapping[str, Any], now: Budget, *, ready: bool) -> None:
    """Raise Forbidden where a pod that is `ready` or not must not be evicted now."""
    if not ready:
        policy = spec.get("unhealthyPodEvictionPolicy", "IfHealthyBudget")
        if policy == "AlwaysAllow" or now.healthy >= now.wanted > 0:
            return
    if now.allowed < 1:
        raise Forbidden(
            f"the disruption budget needs {now.wanted} healthy pods and has {now.healthy} currently"
        )
