"""From settings to a state that counts in Redis or Valkey."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

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
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import State
    from sluicegate.state.redis.address import Endpoint
    from sluicegate.state.redis.caller import Nodes


def open_state(settings: State, clock: Clock, metrics: Metrics, worker_id: str) -> RedisState:
    """Build the state for a `url` other than `memory://`; `await state.start()` connects it.

    `worker_id` is what the servers call our connections. Raises ConfigError where a file of
    `state.tls` cannot be used, ValueError for a `url` that `state_faults` would have found.
    """
    address = parse_address(settings.url)
    watch = Watch(metrics)
    counts = CallCounts(clock, metrics, watch)
    name = f"sluicegate-{worker_id}"
    dial = Dial(
        settings,
        clock,
        counts.seconds,
        tls=address.tls,
        database=address.database,
        name=name,
    )
    eviction = Eviction(metrics)

    def keep(endpoint: Endpoint) -> Breaker:
        breaker = Breaker(endpoint, dial, clock, watch)
        breaker.on_live = eviction.ask
        return breaker

    nodes: Nodes
    if address.kind == "cluster":
        nodes = ClusterNodes(address, keep, Inquiry(dial, settings.connect_timeout), clock, watch)
    elif address.kind == "sentinel":
        known = msgspec.structs.replace(
            settings, username=settings.sentinel_username, password=settings.sentinel_password
        )
        asker = Dial(known, clock, counts.seconds, tls=address.tls, name=name)
        nodes = SentinelNodes(address, keep, Inquiry(asker, settings.connect_timeout), clock, watch)
    else:
        nodes = Single(keep(address.endpoints[0]))
    return RedisState(nodes, settings.namespace, counts, float(settings.timeout))
