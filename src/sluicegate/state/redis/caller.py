"""Making calls to whichever server keeps a key.

A call that was not answered in time is not made again: it may have been counted. Made again is what
certainly was not: where the server did not have the script, or said that the key has moved.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

import hiredis

from sluicegate.errors import StateAway
from sluicegate.state.redis.commands import with_source
from sluicegate.state.redis.resp import Trouble, command

if TYPE_CHECKING:
    from sluicegate.state.redis.calls import CallCounts
    from sluicegate.state.redis.connection import Connection
    from sluicegate.state.redis.scripts import Script

MOST_STEPS: Final = 3
"""Answers that one call may follow: to another server, and there to bring the script."""


class Nodes(Protocol):
    """The servers, and which one keeps what."""

    @property
    def several(self) -> bool:
        """Whether keys of different hash slots can be kept by different servers."""

    def node_for(self, key: bytes) -> Connection:
        """Return the connection to who keeps `key`, which is a hash tag without its braces.

        Raises StateAway at once where there is none.
        """

    def failed(self, connection: Connection, trouble: Trouble) -> Connection | None:
        """Take notice that a server answered a call with an error.

        Return where the same call may be made once more (ASK: after `ASKING`), or None.
        """

    async def start(self) -> None:
        """Connect; returns once that was tried, whether it worked or not."""

    def close(self) -> None:
        """Let go of timers and connections."""


class Caller:
    """Makes calls, and counts how they went."""

    __slots__ = ("_asking", "_bringing", "brought", "counts", "nodes")

    def __init__(self, nodes: Nodes, counts: CallCounts) -> None:
        """Call the servers of `nodes`. `brought`: how often a server did not have a script."""
        self.nodes = nodes
        self.counts = counts
        self.brought = 0
        self._bringing: dict[bytes, Connection] = {}
        self._asking = command("ASKING")

    def begin(
        self, tag: bytes, written: bytes, *, lingers: bool = False
    ) -> tuple[Connection, asyncio.Future[Any]]:
        """Send a call to who keeps `tag`; `lingers`: nobody waits for it. Raises StateAway."""
        try:
            connection = self.nodes.node_for(tag)
            if lingers:
                return connection, connection.linger(written)
            return connection, connection.call(written)
        except StateAway:
            self.counts.away += 1
            raise

    async def finish(
        self,
        connection: Connection,
        answer: asyncio.Future[Any],
        written: bytes,
        script: Script,
        *,
        tells: bool = True,
    ) -> Any:  # noqa: ANN401 - what the script replies
        """Wait for the reply to a call that was begun. Raises StateAway.

        `tells`: that it was done says that the server does what calls ask for. One that may find
        nothing to do says nothing: a server without memory does that as well.
        """
        try:
            reply = await answer
        except StateAway:
            self.counts.late += 1
            raise
        if isinstance(reply, hiredis.ReplyError):
            reply = await self.follow(connection, written, script, reply, tells=tells)
        elif tells and self.counts.refusing:
            self.counts.accepted(connection.name)
        self.counts.ok += 1
        return reply

    async def call(
        self,
        tag: bytes,
        written: bytes,
        script: Script,
        *,
        tells: bool = True,
        lingers: bool = False,
    ) -> Any:  # noqa: ANN401 - same
        """Make a call and wait for its reply. Raises StateAway."""
        connection, answer = self.begin(tag, written, lingers=lingers)
        return await self.finish(connection, answer, written, script, tells=tells)

    async def bring(self, tag: bytes, script: Script) -> None:
        """Have who keeps `tag` know a script before it is called. Raises StateAway.

        Where that is forbidden, whoever calls it brings it.
        """
        _, answer = self.begin(tag, command("SCRIPT", "LOAD", script.source))
        await answer

    async def follow(
        self,
        connection: Connection,
        written: bytes,
        script: Script,
        error: hiredis.ReplyError,
        *,
        tells: bool = True,
    ) -> Any:  # noqa: ANN401 - same
        """Make a call again that was answered with an error and not done. Raises StateAway.

        Each time it has a whole deadline, so that who waits may do so for `MOST_STEPS` more of
        them. That takes servers that all answer at the last moment: the deadline that passes first
        is the last.
        """
        asking, reply, trouble = False, error, Trouble(error)
        for _ in range(MOST_STEPS):
            brings = False
            if trouble.word == "NOSCRIPT":
                # One call brings it. Others that were under way go behind that, and find it: all
                # of them would be megabytes, and late.
                brings = self._bringing.get(script.sha) is not connection
                if brings:
                    self._bringing[script.sha] = connection
                    self.brought += 1
                    written = with_source(written, script)
            else:
                other = self.nodes.failed(connection, trouble)
                if other is None:
                    break
                connection, asking = other, trouble.word == "ASK"
            try:
                reply = await (
                    connection.pair(self._asking, written) if asking else connection.call(written)
                )
            except StateAway:
                self.counts.late += 1
                raise
            finally:
                if brings and self._bringing.get(script.sha) is connection:
                    del self._bringing[script.sha]
            if not isinstance(reply, hiredis.ReplyError):
                if tells and self.counts.refusing:
                    self.counts.accepted(connection.name)
                return reply
            trouble = Trouble(reply)
        self.counts.refused(connection.name, trouble)
        raise StateAway(f"the server answered {trouble.word}")
