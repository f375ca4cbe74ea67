"""Values and news in Redis or Valkey, on connections of their own.

    <namespace>:{<name>}                    version (20 digits), form, and the value or a manifest
    <namespace>:{<name>}:<upload>:<n>       pieces of a large value

A large value is written piece by piece, then its manifest is put in place, whole. So a reader finds
the old value or the new one. Pieces of an old one stay for readers that are at it. Everything has a
life, for the state evicts nothing: pieces of an upload that never ends are gone in two minutes.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from sluicegate.errors import StateAway
from sluicegate.state.redis.commands import call, number, tag_of
from sluicegate.state.redis.news import NEWS, News
from sluicegate.state.redis.patient import open_patient
from sluicegate.state.redis.resp import bulk, command
from sluicegate.state.redis.scripts import script

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import State
    from sluicegate.state.redis.scripts import Script

PIECE_BYTES: Final = 256 * 1024
"""A tenth of a millisecond of the server's time."""
MOST_BYTES: Final = 16 * 1024 * 1024
UPLOAD_S: Final = 120
READERS_S: Final = 30
"""How long pieces that were replaced are kept for those who read them."""
ATTEMPTS: Final = 3
"""At reading a value that is replaced meanwhile."""
VERSION_DIGITS: Final = 20
NAME: Final = "sluicegate-shelf"
_MANIFEST: Final = re.compile(rb"([0-9a-f]{16}):([0-9]{1,3}):([0-9]{1,8})")


class RedisShelf:
    """A `Shelf`. `start` it on the loop that it is used on."""

    def __init__(self, settings: State, clock: Clock, metrics: Metrics) -> None:
        """Take `state` settings; nothing is connected yet. Raises ConfigError for files of TLS."""
        self._nodes, self._caller = open_patient(settings, clock, NAME)
        self._before = f"{settings.namespace}:{{".encode()
        self._keep, self._publish = script("keep"), script("publish")
        self._news = News(settings, clock, self._key(NEWS))
        outcomes = metrics.family(
            "sluicegate_shelf_calls_total",
            "counter",
            "Calls to the state for what replicas leave for each other there: `ok`, or `away`.",
            ("outcome",),
        )
        self._ok, self._away = outcomes.cell("ok"), outcomes.cell("away")

    async def start(self) -> None:
        """Connect; returns once that was tried."""
        await asyncio.gather(self._nodes.start(), self._news.start())

    def close(self) -> None:
        """Let go of timers and connections."""
        self._news.close()
        self._nodes.close()

    async def publish(self, topic: str, text: str) -> None:
        """Tell everyone who is subscribed. Raises StateAway."""
        written = call(
            self._publish, [self._key(NEWS)], [bulk(topic.encode()), bulk(text.encode())]
        )
        await self._call(NEWS, written, self._publish)

    def subscribe(self, topic: str, on_text: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `on_text` with what is published; returns a function that ends it."""
        return self._news.subscribe(topic, on_text)

    async def put(self, name: str, value: bytes, version: int, life_s: int) -> bool:
        """Keep a value; False where what is there wins. Raises StateAway, ValueError."""
        if len(value) > MOST_BYTES:
            raise ValueError(f"{len(value)} bytes; at most {MOST_BYTES} can be kept")
        tag, life_ms = tag_of(name), life_s * 1000
        if len(value) <= PIECE_BYTES:
            return (await self._put(tag, b"v" + value, version, life_ms))[0]
        if not (await self._put(tag, b"", version, life_ms))[0]:
            return False
        count = -(-len(value) // PIECE_BYTES)
        manifest = b"%s:%d:%d" % (secrets.token_hex(8).encode(), count, len(value))
        keys = self._pieces(tag, manifest)
        for place, key in enumerate(keys):
            piece = value[place * PIECE_BYTES : (place + 1) * PIECE_BYTES]
            await self._call(tag, command("SET", key, piece, "PX", UPLOAD_S * 1000))
        await self._live(tag, keys, life_ms)
        put, before = await self._put(tag, b"m" + manifest, version, life_ms)
        await self._live(tag, self._pieces(tag, before) if put else keys, READERS_S * 1000)
        return put

    async def get(self, name: str) -> bytes | None:
        """Return what is kept under a name; None where nothing is. Raises StateAway."""
        tag = tag_of(name)
        for _ in range(ATTEMPTS):
            there = await self._call(tag, command("GET", self._key(tag)))
            if there is None:
                return None
            if there[VERSION_DIGITS : VERSION_DIGITS + 1] == b"v":
                return bytes(there[VERSION_DIGITS + 1 :])
            value = await self._collect(tag, there[VERSION_DIGITS + 1 :])
            if value is not None:
                return value
        return None

    async def _collect(self, tag: bytes, manifest: bytes) -> bytes | None:
        """Return a large value; None where a piece of it is gone."""
        pieces = []
        for key in self._pieces(tag, manifest):
            piece = await self._call(tag, command("GET", key))
            if piece is None:
                return None
            pieces.append(piece)
        value = b"".join(pieces)
        return value if manifest.endswith(b":%d" % len(value)) else None

    def _key(self, tag: bytes) -> bytes:
        return b"%b%b}" % (self._before, tag)

    def _pieces(self, tag: bytes, manifest: bytes) -> list[bytes]:
        """Return the keys of the pieces that a manifest tells of; none for what is no manifest."""
        match = _MANIFEST.fullmatch(manifest)
        if match is None:
            return []
        count = min(int(match[2]), -(-MOST_BYTES // PIECE_BYTES))
        return [b"%b:%b:%d" % (self._key(tag), match[1], place) for place in range(count)]

    async def _put(
        self, tag: bytes, value: bytes, version: int, life_ms: int
    ) -> tuple[bool, bytes]:
        """Return whether it was kept, and the manifest that it replaced."""
        digits = bulk(b"%020d" % version)
        arguments = [digits, number(life_ms), bulk(value)]
        put, before = await self._call(tag, call(self._keep, [self._key(tag)], arguments))
        return put == 1, before

    async def _live(self, tag: bytes, keys: list[bytes], life_ms: int) -> None:
        """Let pieces live so long from now on."""
        calls = [self._call(tag, command("PEXPIRE", key, life_ms)) for key in keys]
        for ended in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(ended, BaseException):
                raise ended

    async def _call(self, tag: bytes, written: bytes, script: Script | None = None) -> Any:  # noqa: ANN401 - what the server replies
        try:
            reply = await self._caller.call(tag, written, script or self._keep)
        except StateAway:
            self._away.value += 1
            raise
        self._ok.value += 1
        return reply
