"""Connections of their own for what no request waits for: it must not hold up those who count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.caller import Caller
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.open import open_nodes

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.settings import State
    from sluicegate.state.redis.caller import Nodes

TIMEOUT_S: Final = 1.0
"""Of one call, or `state.timeout` where that is longer."""


def open_patient(settings: State, clock: Clock, name: str) -> tuple[Nodes, Caller]:
    """Build what finds the servers of the state, and what calls them; nothing is connected yet.

    `name` is what the servers call our connections. Raises ConfigError for files of TLS.
    """
    # What is said of the state is said by those who count in it: gauges of ours stay hidden.
    hidden = Metrics()
    watch = Watch(hidden)
    counts = CallCounts(clock, hidden, watch)
    patient = msgspec.structs.replace(settings, timeout=Duration(max(TIMEOUT_S, settings.timeout)))
    nodes = open_nodes(patient, clock, watch, counts, name)
    return nodes, Caller(nodes, counts)
