"""One request at the service that several exchanges follow.

It runs as an exchange of its own, in a task of its own, so that it does not end with the client
that came first: it ends when nobody follows any more. It is the sink of that exchange, which no
policy outside has declared anything for: each follower's own policies see what it passes on.

What it costs is charged to one of the followers, the *payer*: the first, or, where that goes away
before the end, the next one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import UNAVAILABLE, Refused, UpstreamReset
from sluicegate.journey.cache.caching import is_shared
from sluicegate.journey.cache.telling import copied

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange, Response
    from sluicegate.headers import Headers
    from sluicegate.journey.cache.follower import Follower
    from sluicegate.policy import Onward
    from sluicegate.wire.tunnel import Tunnel

BAD: Final = 400
SERVER: Final = 500
PASSING: Final = (408, 429)
"""Of what is said to be the caller's fault, what another try may not find."""
TRIM: Final = 64
"""Pieces that are let go of at a time."""
LAST_S: Final = 1.0
"""For a request that nobody follows any more, to end."""


class Flight:
    """The request, what has come of it, and who follows."""

    __slots__ = (
        "_known", "_lag", "_room", "broken", "copy", "ended", "error", "failed", "first",
        "followers", "head", "open", "over", "payer", "pieces", "sent", "task",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, buffer: int, known: Sequence[bytes]) -> None:
        """Prepare to ask what `exchange` asks. `buffer`: bytes that are kept for who is behind.

        `known` are the headers that requests which follow have the same values of.
        `open`: who comes now gets all of it. `pieces` begin with the one of number `first`, `sent`
        are the bytes of all there ever were. `failed`: the answer is an error; it is passed on to
        nobody before its end. `broken`: it ended in the middle. `over`: nothing more will happen.
        """
        self.copy = copied(exchange, self)
        self.head: Response | None = None
        self.pieces: list[bytes] = []
        self.first = self.sent = 0
        self.open = True
        self.ended = self.broken = self.failed = self.over = False
        self.error: Exception | None = None
        self.followers: list[Follower] = []
        self.payer: Follower | None = None
        self.task: asyncio.Task[None] | None = None
        self._known = known
        self._lag = self._room = buffer

    async def run(self, onward: Onward) -> None:
        """Ask. Never raises but for being cancelled."""
        try:
            await onward(self.copy)
        except asyncio.CancelledError:
            self.error = Refused(UNAVAILABLE, "the request that this one waited for was given up")
            raise
        except Exception as error:  # noqa: BLE001 - it is raised in each follower
            self.error = error
        finally:
            self.open = False
            self.over = True
            if self.error is None and not self.ended:
                self.error = UpstreamReset("the answer broke off")
            self.failed = self.failed or (self.error is not None and self.head is None)
            self._push()

    @property
    def count(self) -> int:
        """How many pieces there ever were."""
        return self.first + len(self.pieces)

    @property
    def for_all(self) -> bool:
        """Whether a failure would be everyone's: the request itself is at fault."""
        error = self.error
        if isinstance(error, Refused):
            return _is_callers(error.problem.status)
        return error is None and self.head is not None and _is_callers(self.head.status)

    # --- followers ----------

    def add(self, follower: Follower) -> None:
        """Let an exchange follow, from the beginning."""
        self.followers.append(follower)
        if self.payer is None:
            self.payer = follower
        follower.push()

    def leave(self, follower: Follower) -> None:
        """Go on without one; who pays is then the next, unless all is there already."""
        if follower in self.followers:
            self.followers.remove(follower)
        if self.payer is follower and self.followers and not self.ended and not self.over:
            self.payer = self.followers[0]
        self.regulate()

    def regulate(self) -> None:
        """Let the service wait while every follower does."""
        flow, followers = self.copy.flow, self.followers
        if flow is None or not followers:
            return
        if all(each.paused for each in followers):
            flow.pause()
        else:
            flow.resume()

    def scatter(self) -> None:
        """Let everyone but the payer ask for itself: the answer is not for them."""
        self.open = False
        for each in list(self.followers):
            if each is not self.payer:
                each.go_alone()

    async def close(self) -> None:
        """End a request that nobody waits for; what it has used by then is known after this."""
        task = self.task
        if task is None or task.done():
            return
        if not self.ended:
            task.cancel()
        await asyncio.wait((task,), timeout=LAST_S)

    # --- the sink of its exchange ----------

    def send_head(self, exchange: Exchange) -> None:
        """Pass the head on, unless it is that of an error."""
        self.head = exchange.response
        self.failed = exchange.problem is not None or (
            self.head is not None and self.head.status >= BAD
        )
        if (
            self.copy.call is None
            and self.head is not None
            and not is_shared(self.head.headers, self._known)
        ):
            self.scatter()
        self._push()

    def send_body(self, data: bytes) -> None:
        """Pass a piece on; cut off who is too far behind."""
        if not data:
            return
        self.pieces.append(data)
        self.sent += len(data)
        self._room -= len(data)
        self._push()
        if self._room < 0:
            self.open = False  # the beginning is let go of
            self._trim()

    def send_end(self, trailers: Headers | None) -> None:
        """Pass the end on. Trailers are dropped (RFC 9110, section 6.5.1)."""
        del trailers
        self.ended = True
        self.open = False
        self._push()

    def flush(self) -> None:
        """Send on what was written so far."""
        for each in self.followers:
            each.flush()

    def cut(self) -> None:
        """Take notice that the rest will not come."""
        self.broken = True

    def send_informational(self, status: int, headers: Headers) -> None:
        """Drop it: who comes later would not get it."""

    def finished(self, exchange: Exchange) -> None:
        """Do nothing: there is no record of this exchange."""

    def send_upgrade(self, exchange: Exchange, headers: Headers) -> None:
        """Refuse: requests for another protocol are like no other."""
        del exchange, headers
        raise RuntimeError("an upgrade that was not asked for")

    def join(self, tunnel: Tunnel) -> None:
        """Refuse, for the same reason."""
        del tunnel
        raise RuntimeError("an upgrade that was not asked for")

    @property
    def transport(self) -> asyncio.Transport:
        """Refuse, for the same reason."""
        raise RuntimeError("an upgrade that was not asked for")

    # --- steps ----------

    def _push(self) -> None:
        for each in list(self.followers):
            each.push()
            if self.sent - each.got > self._lag and len(self.followers) > 1 and not self.failed:
                each.too_slow()

    def _trim(self) -> None:
        """Let go of what everyone has."""
        low = min([each.at for each in self.followers], default=self.count)
        if low - self.first >= TRIM:
            del self.pieces[: low - self.first]
            self.first = low


def _is_callers(status: int) -> bool:
    return BAD <= status < SERVER and status not in PASSING
