"""How long a slow client is borne: looked at once a second, while an exchange is in flight."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from sluicegate.errors import CLIENT_TIMEOUT, Refused

if TYPE_CHECKING:
    import asyncio

    from sluicegate.settings import Http
    from sluicegate.wire.body import RequestBody

RATE_GRACE_S: Final = 5
"""Seconds of a body before its rate is judged. Kestrel's grace: 5 s."""
_CLOSED, _CLOSE_WAIT = 7, 8
"""States of a TCP connection after a FIN of the peer (tcp_states.h)."""


class Patience:
    """With one client during one exchange. Made when an exchange is a second old."""

    __slots__ = ("_checks", "_http", "_received", "_seen_at", "_unsent", "_unsent_at")

    def __init__(self, http: Http) -> None:
        """Judge by the listener's bounds."""
        self._http = http
        self._checks = 0
        self._received = -1
        self._seen_at = 0.0
        self._unsent = -1
        self._unsent_at = 0.0

    def with_sender(self, body: RequestBody, now: float) -> Refused | None:
        """Return why to give a request body up. Called for seconds in which it was being read."""
        http = self._http
        self._checks += 1
        if body.received != self._received:
            self._received = body.received
            self._seen_at = now
        elif now - self._seen_at >= http.body_idle_timeout:
            return Refused(CLIENT_TIMEOUT, "the request body stalled")
        judged_s = self._checks - RATE_GRACE_S
        if body.expects_continue or judged_s <= 0 or not http.min_body_rate:
            return None
        if body.received < judged_s * http.min_body_rate:
            return Refused(CLIENT_TIMEOUT, "the request body is too slow")
        return None

    def with_reader(self, unsent: int, now: float) -> bool:
        """Whether to cut a client that has taken none of `unsent` bytes for too long."""
        if unsent != self._unsent:
            self._unsent = unsent
            self._unsent_at = now
        return now - self._unsent_at >= self._http.send_timeout


def peer_closed(transport: asyncio.Transport) -> bool:
    """Whether the peer has closed although its bytes are not read: the kernel knows (tcp(7))."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return False
    try:
        state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        return True
    return state in (_CLOSE_WAIT, _CLOSED)
