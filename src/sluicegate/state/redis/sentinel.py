"""The primary that Sentinels name (https://redis.io/docs/reference/sentinel-clients/).

Sentinels are asked at the start, when the primary stops answering or says that it is none, on every
new connection to it, when one publishes `+switch-master`, and every 10 s. The one with the newest
configuration is believed: a Sentinel that was cut off goes on naming the primary of before, and
is not followed back while one that knew better is silent.

A connection to a Sentinel is left subscribed between questions. What is published then comes as an
answer to nothing, which ends the connection; and whatever ends one, it is time to ask again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import hiredis
import structlog

from sluicegate.errors import StateAway
from sluicegate.state.redis.address import Endpoint
from sluicegate.state.redis.resp import Trouble, command
from sluicegate.state.redis.rounds import Rounds
from sluicegate.state.redis.single import UNUSABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.state.redis.address import StateAddress
    from sluicegate.state.redis.breaker import Breaker, Watch
    from sluicegate.state.redis.connection import Connection
    from sluicegate.state.redis.inquiry import Inquiry

GAP_S: Final = 0.2
"""Between questions while there is no primary; Sentinels need seconds to agree on one."""
IDLE_S: Final = 10.0
"""Between questions while all is well. Sentinels ask their servers for INFO as often."""
SWITCHED: Final = "+switch-master"
NAME: Final = "sentinels"
"""What logs call them while none of them names a primary."""


class Naming:
    """What a Sentinel says: the primary, and the epoch of the configuration that it knows."""

    __slots__ = ("epoch", "primary")

    def __init__(self, primary: Endpoint, epoch: int) -> None:
        """Keep it."""
        self.primary = primary
        self.epoch = epoch


def newest(said: Sequence[Naming]) -> Naming | None:
    """Return what the Sentinel with the newest configuration says; of several, the first."""
    return max(said, key=lambda naming: naming.epoch, default=None)


def naming(answers: Sequence[object]) -> Naming | None:
    """Read the answers to the questions; None where they name no primary.

    The address is that of a replica as soon as it was promoted, the facts lag behind.
    """
    left, address, facts, *_ = answers
    if isinstance(left, list) and left[0] == b"message":
        return None  # news has crossed the questions, and every answer is one off
    if not isinstance(address, list) or not isinstance(facts, list):
        return None
    known = dict(zip(facts[::2], facts[1::2], strict=False))
    return Naming(Endpoint(address[0].decode(), int(address[1])), int(known[b"config-epoch"]))


class SentinelNodes:
    """The `Nodes` of `redis+sentinel://`."""

    several = False

    def __init__(
        self,
        address: StateAddress,
        keep: Callable[[Endpoint], Breaker],
        inquiry: Inquiry,
        clock: Clock,
        watch: Watch,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`keep` makes a breaker for a primary; `inquiry` speaks to Sentinels.

        `watch` is told where none of them names a primary.
        """
        self._sentinels = address.endpoints
        self._name = address.primary
        self._questions = (
            command("UNSUBSCRIBE", SWITCHED),
            command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.primary),
            command("SENTINEL", "MASTER", address.primary),
            command("SUBSCRIBE", SWITCHED),
        )
        self._keep = keep
        self._inquiry = inquiry
        self._watch = watch
        # Each is asked in rounds of its own: one that is away holds up no other.
        self._rounds = [
            Rounds(partial(self._ask, each), clock, gap_s=GAP_S, idle_s=IDLE_S, jitter=jitter)
            for each in address.endpoints
        ]
        self._said: dict[Endpoint, Naming] = {}
        self._silent: dict[Endpoint, str] = {}
        self._breaker: Breaker | None = None
        self._checked: Connection | None = None
        self._epoch = -1
        self._unknown = False
        inquiry.on_end = self._hurry

    def node_for(self, key: bytes) -> Connection:
        """Return the connection to the primary; raises StateAway."""
        del key
        breaker = self._breaker
        if breaker is None:
            raise StateAway("no Sentinel names a primary")
        live = breaker.live
        if live is not self._checked:
            # Gone, or back: what answers at this place may have been replaced meanwhile.
            self._checked = live
            self._hurry()
        return live if live is not None else breaker.connection()

    def failed(self, connection: Connection, trouble: Trouble) -> Connection | None:
        """Leave a server that is no primary, or can do nothing, and ask who is."""
        if trouble.word in UNUSABLE:
            connection.retire(f"the server answered {trouble.word}")
            self._hurry()
        return None

    async def start(self) -> None:
        """Ask, and connect; returns once both were tried."""
        await asyncio.gather(*[self._ask(sentinel) for sentinel in self._sentinels])
        if self._breaker is not None:
            await self._breaker.start()
        for rounds in self._rounds:
            rounds.begin()

    def close(self) -> None:
        """Let go of everything."""
        for rounds in self._rounds:
            rounds.close()
        self._inquiry.on_end = None
        self._inquiry.close()
        if self._breaker is not None:
            self._breaker.close()
        self._watch.forget(self)

    def _hurry(self) -> None:
        for rounds in self._rounds:
            rounds.hurry()

    async def _ask(self, sentinel: Endpoint) -> None:
        """Ask a Sentinel, and go where the newest of all that were heard leads."""
        try:
            answers = await self._inquiry.ask(sentinel, *self._questions)
        except StateAway as error:
            self._said.pop(sentinel, None)
            self._silent[sentinel] = str(error)
        else:
            self._hear(sentinel, answers)
        away = self._breaker is None or self._breaker.live is None
        if away:
            self._hurry()
        if away and all(each in self._silent for each in self._sentinels):
            self._watch.tell(self, NAME, "; ".join(sorted(set(self._silent.values()))))
        else:
            self._watch.found(self, NAME)

    def _hear(self, sentinel: Endpoint, answers: Sequence[object]) -> None:
        said = naming(answers)
        if said is None:
            self._say_unknown(sentinel, answers[1])
            return
        self._silent.pop(sentinel, None)
        self._said[sentinel] = said
        best = newest(list(self._said.values()))
        everyone = len(self._said) == len(self._sentinels)
        # Back to an older configuration only where nobody can know a newer one.
        if best is not None and (best.epoch >= self._epoch or everyone):
            self._epoch = best.epoch
            self._go(best.primary)

    def _go(self, primary: Endpoint) -> None:
        """Use the primary that was named."""
        before = self._breaker
        if before is not None:
            if before.endpoint == primary:
                return
            before.close()
            structlog.get_logger().warning("state_primary_changed", server=str(primary))
        self._breaker = self._keep(primary)
        self._breaker.begin()

    def _say_unknown(self, sentinel: Endpoint, address: object) -> None:
        if isinstance(address, hiredis.ReplyError):
            self._silent[sentinel] = f"it answered {Trouble(address).word} to SENTINEL"
        elif address is None:
            self._silent[sentinel] = "it knows no primary of that name"
        if address is None and not self._unknown:  # once: an operator has to act
            self._unknown = True
            structlog.get_logger().error(
                "state_primary_unknown", sentinel=str(sentinel), primary=self._name
            )
