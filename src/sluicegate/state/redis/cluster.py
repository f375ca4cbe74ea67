"""The nodes of a cluster, by hash slot (https://valkey.io/topics/cluster-spec/).

Each primary has its own breaker, so that one that is away takes along its own slots only. The map
is asked for at the start, every 30 s, after `MOVED`, which also moves its slot at once, and as long
as a primary is away, because a replica will be in its place. `ASK` is followed once and moves
nothing. Which node is asked for the map is left to chance: one that was cut off is not asked twice.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import hiredis
import structlog

from sluicegate.errors import StateAway
from sluicegate.state.redis.address import Endpoint
from sluicegate.state.redis.resp import Trouble, command
from sluicegate.state.redis.rounds import Rounds
from sluicegate.state.redis.single import UNUSABLE
from sluicegate.state.redis.slots import SLOTS, ranges, slot_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.state.redis.address import StateAddress
    from sluicegate.state.redis.breaker import Breaker, Watch
    from sluicegate.state.redis.connection import Connection
    from sluicegate.state.redis.inquiry import Inquiry
    from sluicegate.state.redis.slots import SlotRange

GAP_S: Final = 1.0
"""Between questions while slots are being moved."""
AWAY_GAP_S: Final = 0.25
"""Between questions while a primary is away, as between probes of it."""
IDLE_S: Final = 30.0
"""Between questions while all is well. The refresh rate of Envoy's example for Redis Cluster."""
NAME: Final = "cluster"
"""What logs call it while none of its nodes can be asked."""


class ClusterNodes:
    """The `Nodes` of `redis+cluster://`."""

    several = True

    def __init__(
        self,
        address: StateAddress,
        keep: Callable[[Endpoint], Breaker],
        inquiry: Inquiry,
        clock: Clock,
        watch: Watch,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`keep` makes a breaker for a primary; `inquiry` asks any node for the map.

        `watch` is told where none of them gives one.
        """
        self._seeds = address.endpoints
        self._question = command("CLUSTER", "SLOTS")
        self._keep = keep
        self._inquiry = inquiry
        self._watch = watch
        self._jitter = jitter
        self._rounds = Rounds(self._look, clock, gap_s=GAP_S, idle_s=IDLE_S, jitter=jitter)
        self._nodes: dict[Endpoint, Breaker] = {}
        self._owners: list[Breaker | None] = [None] * SLOTS
        self._named: set[Endpoint] = set()

    def node_for(self, key: bytes) -> Connection:
        """Return the connection to the primary of a hash tag's slot; raises StateAway."""
        owner = self._owners[slot_of(key)]
        if owner is None:
            self._rounds.hurry()
            raise StateAway("no node has the slot")
        live = owner.live
        if live is None:
            self._rounds.hurry()
            return owner.connection()
        return live

    def failed(self, connection: Connection, trouble: Trouble) -> Connection | None:
        """Follow MOVED and ASK; leave a node that can do nothing."""
        if trouble.word in ("MOVED", "ASK"):
            return self._redirected(connection, trouble)
        if trouble.word in UNUSABLE:
            connection.retire(f"the server answered {trouble.word}")
        if trouble.word == "CLUSTERDOWN" or trouble.word in UNUSABLE:
            self._rounds.hurry()
        return None

    async def start(self) -> None:
        """Ask for the map, and connect to all; returns once both were tried."""
        await self._look()
        for node in list(self._nodes.values()):
            await node.start()
        self._rounds.begin()

    def close(self) -> None:
        """Let go of everything."""
        self._rounds.close()
        self._inquiry.close()
        for node in self._nodes.values():
            node.close()
        self._watch.forget(self)

    def _redirected(self, connection: Connection, trouble: Trouble) -> Connection | None:
        """Return the connection to who has the slot; None where there is none yet."""
        try:
            slot, host, port = trouble.target()
        except ValueError:
            return None
        node = self._node(Endpoint(host or self._host_of(connection), port))
        self._named.add(node.endpoint)
        if trouble.word == "MOVED":
            self._owners[slot] = node
            self._rounds.hurry()
        return node.live

    def _host_of(self, connection: Connection) -> str:
        for node in self._nodes.values():
            if node.live is connection:
                return node.endpoint.host
        return self._seeds[0].host

    def _node(self, endpoint: Endpoint) -> Breaker:
        """Return the node there, connecting to it where it is new."""
        node = self._nodes.get(endpoint)
        if node is None:
            node = self._nodes[endpoint] = self._keep(endpoint)
            node.begin()
        return node

    async def _look(self) -> None:
        """Ask nodes for the map until one answers; say why none does where one is away too."""
        reasons: set[str] = set()
        known = list(self._nodes)
        known.sort(key=lambda _: self._jitter())
        known.sort(key=lambda endpoint: self._nodes[endpoint].live is None)
        for endpoint in (*known, *(seed for seed in self._seeds if seed not in self._nodes)):
            try:
                (reply,) = await self._inquiry.ask(endpoint, self._question)
            except StateAway as error:
                reasons.add(str(error))
                continue
            told = ranges(reply, endpoint)
            if told is not None:
                self._take_over(told)
                reasons.clear()
                break
            reasons.add(_refusal(reply))
        away = any(node.live is None for node in self._nodes.values()) or not self._nodes
        self._rounds.gap_s = AWAY_GAP_S if away else GAP_S
        if away and reasons:
            self._watch.tell(self, NAME, "; ".join(sorted(reasons)))
        else:
            self._watch.found(self, NAME)
        if away:
            self._rounds.hurry()
        else:
            self._inquiry.close()

    def _take_over(self, told: list[SlotRange]) -> None:
        """Use a map, and let go of nodes that have no slot."""
        owners: list[Breaker | None] = [None] * SLOTS
        for each in told:
            owners[each.first : each.last + 1] = [self._node(each.primary)] * (
                each.last + 1 - each.first
            )
        self._owners = owners
        # A slot may be on its way to a node that has none yet, and was named for that.
        kept = {each.primary for each in told} | self._named
        self._named = set()
        for endpoint in [endpoint for endpoint in self._nodes if endpoint not in kept]:
            node = self._nodes.pop(endpoint)
            live, node.live = node.live, None
            node.close()
            if live is not None:
                live.retire("it has no slots any more")  # what is under way may be answered
            structlog.get_logger().info("state_node_left", server=str(endpoint))


def _refusal(reply: object) -> str:
    """Say why an answer to CLUSTER SLOTS is no map, without the text of an error."""
    if isinstance(reply, hiredis.ReplyError):
        return f"it answered {Trouble(reply).word} to CLUSTER SLOTS"
    return "it knows of no slots"
