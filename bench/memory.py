"""Memory of a worker: at rest, with idle connections, with open streams, and over time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import load, peers
from bench.gateway import BARE, Gateway, governed_text, sluicegate
from bench.report import Figure

REST_MB, IDLE_MB, STREAMS_MB, GROWTH_MB = 70, 60, 40, 5
EVENT = b"data: hello\n\n"
OPENING = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
)


def measure(folder: Path, *, idle: int, streams: int, requests: int) -> list[Figure]:
    """Measure all four; each on a gateway of its own, governed where requests are made."""
    upstream = peers.upstream(folder / "upstream")
    try:
        return [
            at_rest(folder / "rest", upstream.port),
            idle_connections(folder / "idle", upstream.port, idle),
            asyncio.run(open_streams(folder / "streams", streams)),
            growth(folder / "growth", upstream.port, requests),
        ]
    finally:
        upstream.stop()


def at_rest(folder: Path, upstream_port: int) -> Figure:
    """Start a gateway and look at its largest process."""
    gateway = sluicegate(folder, governed_text(upstream_port))
    try:
        return Figure("memory of a worker at rest", gateway.worker_mb(), "MB", REST_MB)
    finally:
        gateway.stop()


def idle_connections(folder: Path, upstream_port: int, count: int) -> Figure:
    """Open connections, make one request on each, and keep them."""
    gateway = sluicegate(folder, governed_text(upstream_port))
    try:
        load.run(gateway.port, 1, (f"X-API-Key: {peers.KEY}",))
        before = settled_mb(gateway)
        added = asyncio.run(_hold(gateway, count, before))
    finally:
        gateway.stop()
    return Figure(f"added by {count:,} idle keep-alive connections", added, "MB", IDLE_MB)


async def _hold(gateway: Gateway, count: int, before: float) -> float:
    request = f"GET /bench HTTP/1.1\r\nHost: bench\r\nX-API-Key: {peers.KEY}\r\n\r\n".encode()
    held = [await _open(gateway.port, request, peers.BODY[-8:].encode()) for _ in range(count)]
    added = await asyncio.to_thread(settled_mb, gateway) - before
    await _close(held)
    return added


async def open_streams(folder: Path, count: int) -> Figure:
    """Open event streams, wait for the first event on each, and keep them."""
    writers: list[asyncio.StreamWriter] = []

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OPENING)
        writers.append(writer)

    source = await asyncio.start_server(stream, "127.0.0.1", 0, backlog=1024)
    port = source.sockets[0].getsockname()[1]
    gateway = await asyncio.to_thread(sluicegate, folder, BARE.format(upstream=port))
    try:
        before = await asyncio.to_thread(settled_mb, gateway)
        request = b"GET /bench HTTP/1.1\r\nHost: bench\r\n\r\n"
        held = [await _open(gateway.port, request, EVENT) for _ in range(count)]
        added = await asyncio.to_thread(settled_mb, gateway) - before
        await _close(held)
        await _close(writers)
    finally:
        await asyncio.to_thread(gateway.stop)
        source.close()
    return Figure(f"added by {count:,} open event streams", added, "MB", STREAMS_MB)


def growth(folder: Path, upstream_port: int, requests: int) -> Figure:
    """Warm up, then send `requests` and see what stayed."""
    headers = (f"X-API-Key: {peers.KEY}",)
    gateway = sluicegate(folder, governed_text(upstream_port))
    try:
        load.run(gateway.port, 5, headers)
        before, left = settled_mb(gateway), requests
        while left > 0:
            left -= load.run(gateway.port, 10, headers).requests
        grown = settled_mb(gateway) - before
    finally:
        gateway.stop()
    return Figure(f"growth after {requests - left:,} requests", grown, "MB", GROWTH_MB)


def settled_mb(gateway: Gateway) -> float:
    """Return the memory once it has stopped growing, 10 s at most."""
    last, deadline = gateway.worker_mb(), time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(0.5)
        now = gateway.worker_mb()
        if now <= last:
            return now
        last = now
    return last


async def _open(port: int, request: bytes, until: bytes) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await reader.readuntil(until)
    return writer


async def _close(writers: list[asyncio.StreamWriter]) -> None:
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
