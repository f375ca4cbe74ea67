"""From settings to a state that counts in Redis or Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sluicegate.state.contract import MOST_LINES
from sluicegate.state.redis.address import parse_address
from sluicegate.state.redis.breaker import Breaker, Watch
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.cluster import ClusterNodes
from sluicegate.state.redis.dial import Dial
from sluicegate.state.redis.eviction import Eviction
from sluicegate.state.redis.inquiry import Inquiry
from sluicegate.state.redis.sentinel import SentinelNodes
from sluicegate.state.redis.single import Single
from sluicegate.state.redis.state import RedisState

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import State
    from sluicegate.state.redis.address import Endpoint
    from sluicegate.state.redis.caller import Nodes
    from sluicegate.state.redis.connection import Connection


def open_state(
    settings: State,
    clock: Clock,
    metrics: Metrics,
    worker_id: str,
    most_lines: int = MOST_LINES,
) -> RedisState:
    """Build the state for a `url` other than `memory://`; `await state.start()` connects it.

    `worker_id` is what the servers call our connections, `most_lines` how many lines of the ledger
    may wait (`ledger.waiting`). Raises ConfigError where a file of
    `state.tls` cannot be used, ValueError for a `url` that `state_faults` would have found.
    """
    watch = Watch(metrics)
    counts = CallCounts(clock, metrics, watch)
    eviction = Eviction(metrics)
    name = f"sluicegate-{worker_id}"
    nodes = open_nodes(settings, clock, watch, counts, name, eviction.ask)
    return RedisState(nodes, settings.namespace, counts, float(settings.timeout), most_lines)


def open_nodes(
    settings: State,
    clock: Clock,
    watch: Watch,
    counts: CallCounts,
    name: str,
    on_live: Callable[[Connection], None] | None = None,
) -> Nodes:
    """Build what finds and connects the servers of a `url` other than `memory://`.

    `name` is what they call our connections; `on_live` is called with each new one. Raises as
    `open_state` does.
    """
    address = parse_address(settings.url)
    dial = Dial(
        settings,
        clock,
        counts.seconds,
        tls=address.tls,
        database=address.database,
        name=name,
    )

    def keep(endpoint: Endpoint) -> Breaker:
        breaker = Breaker(endpoint, dial, clock, watch)
        breaker.on_live = on_live
        return breaker

    if address.kind == "cluster":
        inquiry = Inquiry(dial, settings.connect_timeout)
        return ClusterNodes(address, keep, inquiry, clock, watch)
    if address.kind == "sentinel":
        known = msgspec.structs.replace(
            settings, username=settings.sentinel_username, password=settings.sentinel_password
        )
        asker = Dial(known, clock, counts.seconds, tls=address.tls, name=name)
        inquiry = Inquiry(asker, settings.connect_timeout)
        return SentinelNodes(address, keep, inquiry, clock, watch)
    return Single(keep(address.endpoints[0]))
