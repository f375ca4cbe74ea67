"""Calls of models that come all at once: each on a connection of its own, every answer kept.

storm = Storm([port, …], [request, …])      # the requests go to the ports in turn
with storm.under_way(): …                   # `storm.answers` grows as they come
storm.run()                                 # or all of it at once; returns the answers
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from support.loops import run

WITHIN_S = 100.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What one caller got; header names in lower case, the body without its framing."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Storm:
    """Calls that are sent in the same moment, once all are connected."""

    def __init__(self, ports: Sequence[int], requests: Sequence[bytes]) -> None:
        self.answers: list[Answered] = []
        self._sent = [(ports[turn % len(ports)], each) for turn, each in enumerate(requests)]

    @property
    def statuses(self) -> Counter[int]:
        """How often there was which, so far."""
        return Counter(each.status for each in list(self.answers))

    def run(self) -> list[Answered]:
        """Send all and wait for all."""
        run(self._all(), within_s=WITHIN_S)
        return self.answers

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Send all beside the block, and wait for all at its end."""
        with ThreadPoolExecutor(1) as beside:
            done = beside.submit(self.run)
            yield
            done.result()

    async def _all(self) -> None:
        ready = asyncio.Event()
        connected = asyncio.Semaphore(0)
        async with asyncio.TaskGroup() as group:
            for port, request in self._sent:
                group.create_task(self._one(port, request, connected, ready))
            for _ in self._sent:
                await connected.acquire()
            ready.set()

    async def _one(
        self, port: int, request: bytes, connected: asyncio.Semaphore, ready: asyncio.Event
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        connected.release()
        try:
            await ready.wait()
            writer.write(request)
            self.answers.append(await _answer(reader))
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> Answered:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answered(int(head[0].split()[1]), headers, body)
