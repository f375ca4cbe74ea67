"""What Envoy has read of what it was told, as it says itself on its admin port."""

from __future__ import annotations

from rehearsal.management import joined
from rehearsal.network import Station

ASKED = b"GET /clusters HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\n\r\n"


async def hosts_of(station: Station, port: int) -> dict[str, set[str]]:
    """Return where each cluster goes: its name → `address:port` of its hosts. Raises OSError."""
    reader, writer = await station.connect("127.0.0.1", port)
    try:
        writer.write(ASKED)
        answer = await reader.read()
    finally:
        writer.transport.abort()
    return parsed(joined(answer.partition(b"\r\n\r\n")[2]).decode())


def parsed(page: str) -> dict[str, set[str]]:
    """Read the page: `cluster::host::what::value` for a host, others for the cluster itself."""
    found: dict[str, set[str]] = {}
    for line in page.splitlines():
        name, *parts = line.split("::")
        hosts = found.setdefault(name, set())
        if parts[1:2] == ["health_flags"]:
            hosts.add(parts[0])
    return found
