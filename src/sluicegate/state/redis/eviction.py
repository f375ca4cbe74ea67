"""Whether a server may throw counts away to make room: every limit would begin anew for someone.

Read from `INFO memory`, which managed services allow where they forbid `CONFIG GET`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog

from sluicegate.state.redis.resp import command

if TYPE_CHECKING:
    import asyncio

    from sluicegate.metrics import Metrics
    from sluicegate.state.redis.connection import Connection

_POLICY = re.compile(rb"^maxmemory_policy:([a-z-]+)", re.MULTILINE)


class Eviction:
    """Asks each server once per connection."""

    def __init__(self, metrics: Metrics) -> None:
        """Declare the gauge."""
        self._evicts = metrics.family(
            "sluicegate_state_evicts",
            "gauge",
            "1 where a server of the state has another maxmemory-policy than `noeviction`.",
            merge="max",
        ).cell()
        self._known: dict[str, str] = {}
        self._question = command("INFO", "memory")

    def ask(self, connection: Connection) -> None:
        """Ask, and note the answer when it comes. Where it is forbidden nothing is known."""
        connection.call(self._question).add_done_callback(
            lambda answer: self._note(connection.name, answer)
        )

    def _note(self, server: str, answer: asyncio.Future[object]) -> None:
        if answer.cancelled() or answer.exception() is not None:
            return
        told = answer.result()
        match = _POLICY.search(told) if isinstance(told, bytes) else None
        if match is None:
            return
        policy = match[1].decode()
        if policy not in (self._known.get(server), "noeviction"):
            structlog.get_logger().warning(
                "state_evicts", server=server, policy=policy, expected="noeviction"
            )
        self._known[server] = policy
        evicts = any(each != "noeviction" for each in self._known.values())
        self._evicts.value = float(evicts)
