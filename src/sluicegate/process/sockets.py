"""Listening sockets: one per worker slot on the data port, one for management."""

from __future__ import annotations

import select
import socket
from contextlib import closing

from sluicegate.errors import SluicegateError
from sluicegate.settings import host_and_port

BACKLOG = 4096
"""Connections that may wait for a worker; Linux caps it at net.core.somaxconn (4096)."""


class CannotListen(SluicegateError):
    """An address cannot be bound: in use, not ours, or not allowed."""


def bind(listen: str, slots: int = 1) -> list[socket.socket]:
    """Bind `slots` listening sockets to one address, `host:port`; port 0 takes a free one.

    The kernel spreads connections over the sockets (SO_REUSEPORT). Raises CannotListen naming the
    address. An empty host is every IPv4 address, `[::]` every address.
    """
    sockets: list[socket.socket] = []
    try:
        family, address = _resolve(listen)
        # With SO_REUSEPORT a second gateway of the same user would quietly share the port.
        with closing(_bound(family, address, shared=False)) as probe:
            address = (address[0], probe.getsockname()[1], *address[2:])
        while len(sockets) < slots:
            sockets.append(_bound(family, address, shared=slots > 1))
            sockets[-1].listen(BACKLOG)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise CannotListen(f"cannot listen on {listen}: {error.strerror or error}") from error
    return sockets


def address_of(sock: socket.socket) -> str:
    """Return `host:port` of a bound socket, IPv6 hosts in brackets."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def connections_wait(sock: socket.socket) -> bool:
    """Say whether the accept queue of a listening socket holds a connection now."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _resolve(listen: str) -> tuple[int, tuple[str, int] | tuple[str, int, int, int]]:
    host, port = host_and_port(listen)
    found = socket.getaddrinfo(
        host or "0.0.0.0",  # noqa: S104 - an empty host asks for just that
        port,
        type=socket.SOCK_STREAM,
        flags=socket.AI_PASSIVE,
    )
    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value]  # typeshed allows other families


def _bound(
    family: int, address: tuple[str, int] | tuple[str, int, int, int], *, shared: bool
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of an earlier run in TIME_WAIT must not keep us from starting.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
