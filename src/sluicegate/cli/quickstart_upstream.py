"""Something to talk to behind the quickstart's gateway: answers with what it received, as JSON."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec

MAX_HEAD = 65536


async def start(host: str, port: int) -> asyncio.Server:
    """Listen; raises OSError when that cannot be."""
    return await asyncio.start_server(_serve, host, port, limit=MAX_HEAD)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests until the connection ends."""
    with suppress(OSError, EOFError, asyncio.LimitOverrunError, ValueError):
        while True:
            writer.write(_response(*await _request(reader)))
            await writer.drain()
    writer.close()


async def _request(reader: asyncio.StreamReader) -> tuple[list[str], int]:
    """Read one request; returns the lines of its head, and how long its body was."""
    raw = await reader.readuntil(b"\r\n\r\n")
    lines = raw[:-4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        return lines, await _chunks(reader)
    length = int(headers.get("content-length", "0"))
    await _skip(reader, length)
    return lines, length


async def _chunks(reader: asyncio.StreamReader) -> int:
    total = 0
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        await _skip(reader, size + 2)
        total += size
    while await reader.readuntil(b"\r\n") != b"\r\n":
        continue
    return total


async def _skip(reader: asyncio.StreamReader, count: int) -> None:
    while count:
        count -= len(await reader.readexactly(min(count, MAX_HEAD)))


def _response(lines: list[str], body_bytes: int) -> bytes:
    method, target, _ = lines[0].split(" ", 2)
    content = {
        "hello": "this is the service behind the gateway, and this is what reached it",
        "method": method,
        "target": target,
        "headers": lines[1:],
        "body_bytes": body_bytes,
    }
    body = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + (b"" if method == "HEAD" else body)
