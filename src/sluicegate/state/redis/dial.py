"""Opening a connection to a server: TCP or a unix socket, TLS, who we are, and what it is."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import hiredis

from sluicegate.errors import ConfigError, Fault, StateAway
from sluicegate.state.redis.connection import Connection
from sluicegate.state.redis.resp import Trouble, command

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import HistogramCell
    from sluicegate.settings import State
    from sluicegate.settings.tls import TlsFiles
    from sluicegate.state.redis.address import Endpoint
    from sluicegate.state.redis.connection import Owner


class Dial:
    """Opens connections with the settings of `state`, and never says what is secret in them."""

    def __init__(
        self,
        settings: State,
        clock: Clock,
        seconds: HistogramCell,
        *,
        tls: bool,
        database: int = 0,
        name: str = "sluicegate",
    ) -> None:
        """Read the files of TLS. Raises ConfigError that names each bad one.

        `name` is how the server's `CLIENT LIST` shows us.
        """
        self._clock = clock
        self._seconds = seconds
        self._tls = tls_context(settings.tls, "state.tls") if tls else None
        self._timeout_s = float(settings.timeout)
        self._connect_timeout_s = float(settings.connect_timeout)
        hello: list[str] = ["HELLO", "2"]
        if settings.password is not None:
            hello += ["AUTH", settings.username or "default", settings.password]
        self._greeting = command(*hello, "SETNAME", name)
        self._select = command("SELECT", database) if database else None

    async def open(self, endpoint: Endpoint, owner: Owner, *, primary: bool = True) -> Connection:
        """Return a connection whose server has answered in time.

        Raises StateAway that says why not: within `connect_timeout`, and where `primary`, from a
        server that is a replica.
        """
        loop = asyncio.get_running_loop()
        connection = Connection(
            owner, self._clock, loop, self._seconds, str(endpoint), self._connect_timeout_s
        )
        ready = False
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self._connect(loop, connection, endpoint)
                await self._greet(connection, primary=primary)
            ready = True
        except TimeoutError:
            raise StateAway("no connection in time") from None
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise StateAway(f"TLS failed: {getattr(error, 'reason', None) or error}") from None
        except OSError as error:
            # No such host has one. Where all of its addresses were tried, there are several.
            raise StateAway(f"no connection: {error.strerror or error}") from None
        except UnicodeError:
            raise StateAway("no connection: the host has no name that DNS could know") from None
        finally:
            if not ready:
                connection.close()
        return connection

    async def _connect(
        self, loop: asyncio.AbstractEventLoop, connection: Connection, endpoint: Endpoint
    ) -> None:
        made: Any = lambda: connection  # noqa: E731 - a protocol by its methods
        if endpoint.path:
            await loop.create_unix_connection(made, endpoint.path)
            return
        transport, _ = await loop.create_connection(
            made,
            endpoint.host,
            endpoint.port,
            ssl=self._tls,
            server_hostname=endpoint.host if self._tls is not None else None,
        )
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def _greet(self, connection: Connection, *, primary: bool) -> None:
        """Say who we are; the last answer has to come within the time of any call."""
        told = await connection.call(self._greeting)
        if isinstance(told, hiredis.ReplyError):
            raise StateAway(_refusal(Trouble(told)))
        if self._select is not None:
            _refuse(await connection.call(self._select))
        facts = dict(zip(told[::2], told[1::2], strict=False)) if isinstance(told, list) else {}
        if primary and facts.get(b"role") not in (None, b"master"):
            raise StateAway("the server is a replica")
        connection.allow(self._timeout_s)
        answer = await connection.call(command("PING"))
        if isinstance(answer, hiredis.ReplyError) and Trouble(answer).word != "NOPERM":
            raise StateAway(_refusal(Trouble(answer)))


def tls_context(tls: TlsFiles | None, place: str) -> ssl.SSLContext:
    """Make the context for what is set at `place`. Raises ConfigError that names each bad file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    faults: list[Fault] = []
    if tls is None or tls.ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        try:
            context.load_verify_locations(tls.ca)
        except (OSError, ssl.SSLError):
            message = f"{tls.ca} cannot be read; expected a PEM file of authorities"
            faults.append(Fault(f"{place}.ca", 0, message))
    if tls is not None and tls.certificate is not None:
        try:
            # Without a passphrase of our own OpenSSL would ask the terminal for one.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        except (OSError, ssl.SSLError):
            message = "expected PEM files: a certificate with its chain, and its unencrypted key"
            faults.append(Fault(f"{place}.certificate", 0, message))
    if faults:
        raise ConfigError(faults)
    return context


def _refusal(trouble: Trouble) -> str:
    """Say why a server cannot be used, without its text, which may quote what we sent."""
    if trouble.word in ("WRONGPASS", "NOAUTH", "NOPERM"):
        return "the server refuses our user or password"
    if trouble.word == "LOADING":
        return "the server is loading its data"
    return f"the server answered {trouble.word}"


def _refuse(answer: object) -> None:
    if isinstance(answer, hiredis.ReplyError):
        raise StateAway(_refusal(Trouble(answer)))
