"""Accepts client connections on one bound socket: plain, TLS, and behind the PROXY protocol.

The socket is the supervisor's; we accept on a duplicate of it, so that what waits in its queue when
we stop is there for whoever accepts next. A protocol is made without knowing whose connection it
will be; in `connection_made` it asks `describe`, of any listener of the worker.

    plain, TLS        the loop accepts; out of file descriptors, libuv sheds what it cannot accept
    PROXY protocol    accept ─> trusted? ─> header, read exactly ─> the loop takes the socket over
"""

from __future__ import annotations

import asyncio
import errno
import functools
import socket
from typing import TYPE_CHECKING

import structlog

from sluicegate.exchange import Client
from sluicegate.wire.forwarded import Ends, plain_address
from sluicegate.wire.proxy_protocol import MAX_V2, Header, ProxyProtocolError, parse
from sluicegate.wire.tls import HANDSHAKE_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock, Timer
    from sluicegate.settings import Gateway
    from sluicegate.wire.forwarded import TrustedProxies
    from sluicegate.wire.tls import ServerTls

BACKLOG = 4096
"""Connections that may wait to be accepted; Linux cuts it to net.core.somaxconn (4096)."""
BURST = 64
"""Accepted per turn of the loop behind the PROXY protocol, so that others have their turn."""
RETRY_S = 1.0
"""Pause when the process or the machine is out of file descriptors or memory. asyncio: 1 s."""
SHUTDOWN_TIMEOUT_S = 5.0
"""How long a closing TLS connection waits for the client's own close. asyncio: 30 s."""
QUIET_S = 1.0
"""At most one log line per such time about connections refused before HTTP."""

_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Listener:
    """Accepts on one socket for as long as the worker serves."""

    def __init__(
        self,
        sock: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        gateway: Gateway,
        trusted: TrustedProxies,
        clock: Clock,
        tls: ServerTls | None = None,
    ) -> None:
        """Take a bound socket, which stays the caller's, and what makes its protocols.

        Listeners of one worker share `trusted`, and with it what PROXY headers have said.
        """
        self._socket = sock.dup()
        self._socket.setblocking(False)
        self._factory = factory
        self._proxied = gateway.proxy_protocol
        self._header_timeout_s = float(gateway.http.header_timeout)
        self._trusted = trusted
        self._clock = clock
        self._context = tls.context if tls else None
        self._scheme = "https" if tls else "http"
        self._port: int = sock.getsockname()[1]
        self._server: asyncio.AbstractServer | None = None
        self._retry: Timer | None = None
        self._greetings: set[_Greeting] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._complained_at = float("-inf")
        self._unsaid = 0

    async def start(self) -> None:
        """Accept from now on; not if `stop_accepting` came first."""
        if self._socket.fileno() < 0:
            return
        loop = asyncio.get_running_loop()
        if self._proxied:
            self._socket.listen(BACKLOG)
            loop.add_reader(self._socket, self._accept)
            return
        self._server = await loop.create_server(
            self._factory,
            sock=self._socket,
            backlog=BACKLOG,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if self._context else None,
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT_S if self._context else None,
        )

    def stop_accepting(self) -> None:
        """Accept no more. Accepted connections live on, and so does the caller's socket."""
        if self._retry is not None:
            self._retry.cancel()
        if self._server is not None:
            self._server.close()  # closes our duplicate with it
            self._server = None
        elif self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def close(self) -> None:
        """Accept no more, and end connections whose PROXY header has not come."""
        self.stop_accepting()
        for greeting in list(self._greetings):
            greeting.close("")

    def describe(self, transport: asyncio.BaseTransport) -> Client:
        """Say whose connection this is. To be called once, in `connection_made`."""
        peer = transport.get_extra_info("peername") or ("0.0.0.0", 0)  # noqa: S104 - gone already
        client = Client(_plain(peer[0]), peer[1], self._scheme, self._port)
        known = True
        if self._proxied:
            header = self._trusted.introduced.pop(_ends(transport), None)
            known = header is not None  # or we would believe what the client says as if a proxy did
            if header is not None and header.source and header.destination:
                client = Client(*header.source, self._scheme, header.destination[1])
        client.trusted = known and self._trusted.contains(client.peer)
        if self._context is not None and self._context.verify_mode:
            tls = transport.get_extra_info("ssl_object")
            client.certificate = tls.getpeercert(binary_form=True)
        return client

    # --- PROXY protocol ------------------------------------------------------------------------

    def _accept(self) -> None:
        for _ in range(BURST):
            try:
                connection, peer = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._back_off(error)
                return
            connection.setblocking(False)
            if self._trusted.contains(_plain(peer[0])):
                ends = (peer, connection.getsockname())
                greeting = _Greeting(connection, ends, self._greeted, self._failed)
                self._greetings.add(greeting)
                greeting.timer = self._clock.after(self._header_timeout_s, greeting.expired)
            else:
                connection.close()
                self._complain(peer[0], "the peer is not one of `gateway.trusted_proxies`")

    def _back_off(self, error: OSError) -> None:
        """Look away for a while: the queue stays readable, and would spin the loop."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        self._retry = self._clock.after(
            RETRY_S, lambda: loop.add_reader(self._socket, self._accept)
        )
        structlog.get_logger().error("accept_failed", error=error.strerror, retry_s=RETRY_S)

    def _greeted(self, greeting: _Greeting, header: Header) -> None:
        self._greetings.discard(greeting)
        task = asyncio.get_running_loop().create_task(self._connect(greeting, header))
        self._tasks.add(task)
        task.add_done_callback(functools.partial(self._ended, greeting))

    def _ended(self, greeting: _Greeting, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # before it began, perhaps: then nobody else has the connection
            greeting.socket.close()

    async def _connect(self, greeting: _Greeting, header: Header) -> None:
        introduced = self._trusted.introduced
        introduced[greeting.ends] = header
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._factory,
                greeting.socket,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S if self._context else None,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT_S if self._context else None,
            )
        except OSError:  # gone, or a TLS handshake that failed: the client's business
            greeting.socket.close()
        finally:
            introduced.pop(greeting.ends, None)

    def _failed(self, greeting: _Greeting, reason: str) -> None:
        self._greetings.discard(greeting)
        if reason:
            self._complain(greeting.ends[0][0], reason)

    def _complain(self, peer: str, reason: str) -> None:
        now = self._clock.monotonic()
        if now - self._complained_at < QUIET_S:
            self._unsaid += 1
            return
        structlog.get_logger().warning(
            "connection_refused", peer=peer, reason=reason, unsaid=self._unsaid
        )
        self._complained_at, self._unsaid = now, 0


class _Greeting:
    """An accepted connection whose PROXY header has to come.

    What is peeked is consumed up to the header's end and no further, as the rest is TLS or HTTP.
    Bytes of an unfinished header are consumed at once: left there, they would keep the socket
    readable and the loop spinning.
    """

    def __init__(
        self,
        connection: socket.socket,
        ends: Ends,
        greeted: Callable[[_Greeting, Header], None],
        failed: Callable[[_Greeting, str], None],
    ) -> None:
        self.socket = connection
        self.ends = ends
        self.timer: Timer | None = None
        self._greeted = greeted
        self._failed = failed
        self._seen = b""
        asyncio.get_running_loop().add_reader(connection, self._readable)

    def expired(self) -> None:
        """Give up waiting."""
        self.close("no PROXY protocol header in time")

    def _readable(self) -> None:
        try:
            peeked = self.socket.recv(MAX_V2, socket.MSG_PEEK)
            header = parse(self._seen + peeked)
            if header is None:
                self._seen += self.socket.recv(len(peeked))
            else:
                self.socket.recv(header.consumed - len(self._seen))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close("")
        except ProxyProtocolError as error:
            self.close(str(error))
        else:
            if header is not None:
                self._end()
                self._greeted(self, header)
            elif not peeked:
                self.close("")  # as health checks do that only connect

    def close(self, reason: str) -> None:
        """End the connection; an empty reason is nothing to complain about."""
        self._end()
        self.socket.close()
        self._failed(self, reason)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        if self.timer is not None:
            self.timer.cancel()


def _ends(transport: asyncio.BaseTransport) -> Ends:
    return transport.get_extra_info("peername"), transport.get_extra_info("sockname")


def _plain(ip: str) -> str:
    """Return a socket's address as rules know it; IPv4 comes from the kernel in that form."""
    return (plain_address(ip) or ip) if ":" in ip else ip
