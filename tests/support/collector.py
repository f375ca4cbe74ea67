"""A real OTLP receiver (oteltap), on a loop of its own: what it has received is in `spans`.

with collector() as at:
    …send to at.url…
    at.wait(2)
    at.spans[0].name, attributes(at.spans[0])
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

from support.ports import eventually, free_port


class Collector:
    """What was received, in the order of arrival."""

    def __init__(self) -> None:
        self.port = free_port()
        self.spans: list[Span] = []

    @property
    def url(self) -> str:
        """The base URL, as `tracing.endpoint` takes it."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self, count: int) -> list[Span]:
        """Return the spans once there are so many."""
        eventually(lambda: len(self.spans) >= count, f"{count} spans are there")
        return self.spans

    async def serve(self, started: threading.Event, ended: asyncio.Event) -> None:
        """Receive until `ended`."""
        settings = OtelTapHttpProtobufReceiverSettings(http_port=self.port)
        async with OtelTapHttpProtobufReceiver(settings) as receiver:
            reading = asyncio.create_task(self._read(receiver))
            started.set()
            await ended.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, receiver: OtelTapHttpProtobufReceiver) -> None:
        async for span in receiver.stream_traces():
            self.spans.append(span)


@contextmanager
def collector() -> Iterator[Collector]:
    """Receive on a free port until the block ends."""
    made, started, ended = Collector(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    running = threading.Thread(
        target=lambda: loop.run_until_complete(made.serve(started, ended)), daemon=True
    )
    running.start()
    try:
        assert started.wait(10), "oteltap has not started"
        yield made
    finally:
        loop.call_soon_threadsafe(ended.set)
        running.join(10)
        loop.close()


def attributes(span: Span) -> dict[str, Any]:
    """Return a span's attributes as plain values."""
    found = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind)
    return found
