from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from sluicegate.errors import ConfigError
from sluicegate.model.service import UpstreamTls
from sluicegate.settings import Certificate, ListenerTls
from sluicegate.wire.tls import ServerTls, client_context
from support.certificates import Authority, Pair
from support.loops import run


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def listener_tls(*pairs: Pair, **fields: str) -> ListenerTls:
    files = [Certificate(certificate=str(p.certificate), key=str(p.key)) for p in pairs]
    return ListenerTls(certificates=files, **fields)  # type: ignore[arg-type]


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


class Connection:
    """A client's connection that has had something echoed, so that its handshake is accepted."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.tls: ssl.SSLObject = writer.get_extra_info("ssl_object")

    @property
    def serial(self) -> int:
        return x509.load_der_x509_certificate(self.tls.getpeercert(binary_form=True)).serial_number

    async def echo(self) -> None:
        self.writer.write(b"hello")
        assert await self.reader.readexactly(5) == b"hello"

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def connect(port: int, context: ssl.SSLContext, name: str | None = "localhost") -> Connection:
    made = Connection(
        *await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
    )
    await made.echo()
    return made


async def served_serial(port: int, context: ssl.SSLContext, name: str | None) -> int:
    connection = await connect(port, context, name)
    await connection.close()
    return connection.serial


def serial(pair: Pair) -> int:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number


def test_the_name_that_a_client_asks_for_decides_the_certificate(authority: Authority) -> None:
    first = authority.issue(["default.example", "shared.example"])
    exact = authority.issue(["api.example", "shared.example"])
    wildcard = authority.issue(["*.apps.example", "API.apps.example"])
    nameless = authority.issue([])
    tls = ServerTls(listener_tls(first, exact, wildcard, nameless))
    blind = authority.client_context()
    blind.check_hostname = False
    expected = {
        None: first,
        "default.example": first,
        "shared.example": first,
        "unknown.example": first,
        "api.example": exact,
        "one.apps.example": wildcard,
        "API.Apps.Example": wildcard,
        "a.b.apps.example": first,
        "apps.example": first,
    }

    async def scenario() -> None:
        async with serving(tls.context) as port:
            for name, pair in expected.items():
                assert await served_serial(port, blind, name) == serial(pair), name

    run(scenario())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken_and_http_1_1_is_offered(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    tls = ServerTls(listener_tls(authority.issue()))
    context = authority.client_context()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def scenario() -> None:
        async with serving(tls.context) as port:
            connection = await connect(port, context)
            assert connection.tls.version() == version.name.replace("_", ".")
            assert connection.tls.selected_alpn_protocol() == "http/1.1"
            await connection.close()

    run(scenario())


def test_nothing_older_is_spoken(authority: Authority) -> None:
    tls = ServerTls(listener_tls(authority.issue()))
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_reload_is_for_new_connections_and_open_ones_live_on(authority: Authority) -> None:
    old = authority.issue(stem="site")
    old_serial = serial(old)
    tls = ServerTls(listener_tls(old))
    context = authority.client_context()

    async def scenario() -> None:
        async with serving(tls.context) as port:
            before = await connect(port, context)
            new = authority.issue(stem="site", days=10)
            assert await served_serial(port, context, "localhost") == old_serial
            tls.reload()
            after = await connect(port, context)
            await before.echo()
            assert (before.serial, after.serial) == (old_serial, serial(new))
            assert tls.expires_at == new.not_after.timestamp()
            await before.close()
            await after.close()

    run(scenario())


def test_a_reload_that_fails_names_the_file_and_keeps_the_old_ones(authority: Authority) -> None:
    pair = authority.issue(stem="site")
    old_serial, old_end = serial(pair), pair.not_after.timestamp()
    tls = ServerTls(listener_tls(authority.issue(["other.example"], days=90), pair))
    pair.certificate.write_text("half a file")

    async def scenario() -> None:
        async with serving(tls.context) as port:
            with pytest.raises(ConfigError) as caught:
                tls.reload()
            (fault,) = caught.value.faults
            assert fault.path == "gateway.tls.certificates[1].certificate"
            assert fault.message == f"{pair.certificate}: expected certificates in PEM form"
            assert await served_serial(port, authority.client_context(), "localhost") == old_serial
            assert tls.expires_at == old_end

    run(scenario())


def test_every_bad_file_is_named_and_no_key_is_shown(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.issue(), authority.issue()
    swapped = Pair(good.certificate, other.key, good.not_after)
    gone = Pair(tmp_path / "gone.crt", tmp_path / "gone.key", good.not_after)
    garbled = authority.issue()
    secret = garbled.key.read_text()
    garbled.key.write_text(secret.replace("BEGIN PRIVATE", "BEGIN"))
    locked = authority.issue()
    key = serialization.load_pem_private_key(locked.key.read_bytes(), None)
    locked.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ConfigError) as caught:
        ServerTls(listener_tls(good, swapped, gone, garbled, locked, client_ca=str(good.key)))
    found = {fault.path.removeprefix("gateway.tls."): fault for fault in caught.value.faults}
    assert {path: fault.message.split(": ", 1) for path, fault in found.items()} == {
        "client_ca": [str(good.key), "expected certificates in PEM form"],
        "certificates[1].key": [str(other.key), "the key does not belong to the certificate"],
        "certificates[2].certificate": [str(gone.certificate), "No such file or directory"],
        "certificates[2].key": [str(gone.key), "No such file or directory"],
        "certificates[3].key": [
            str(garbled.key),
            "expected an unencrypted private key in PEM form",
        ],
        "certificates[4].key": [
            str(locked.key),
            "the key is encrypted: expected an unencrypted private key in PEM form",
        ],
    }
    assert secret.splitlines()[1] not in str(caught.value)


def test_the_earliest_end_of_all_certificates_is_told(authority: Authority) -> None:
    late, soon = authority.issue(["a.example"], days=60), authority.issue(["b.example"], days=5)
    assert ServerTls(listener_tls(late, soon)).expires_at == soon.not_after.timestamp()


# --- client certificates -------------------------------------------------------------------------


async def refused(port: int, context: ssl.SSLContext, name: str = "localhost") -> bool:
    try:
        connection = await connect(port, context, name)
    except (OSError, EOFError):
        return True
    await connection.close()
    return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("wanted", ["optional", "required"])
def test_client_certificates_are_verified(
    authority: Authority, tmp_path: Path, wanted: str, version: ssl.TLSVersion
) -> None:
    callers = Authority(tmp_path, "callers")
    tls = ServerTls(
        listener_tls(authority.issue(), client_ca=str(callers.ca), client_certificate=wanted)
    )
    shown = {
        "good": callers.issue(),
        "stranger": authority.issue(),
        "expired": callers.issue(days=-1),
        "none": None,
    }

    async def scenario() -> dict[str, bool]:
        results = {}
        async with serving(tls.context) as port:
            for who, pair in shown.items():
                context = authority.client_context(pair)
                context.minimum_version = context.maximum_version = version
                results[who] = await refused(port, context)
        return results

    assert run(scenario()) == {
        "good": False,
        "stranger": True,
        "expired": True,
        "none": wanted == "required",
    }


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_reload_changes_whose_client_certificates_are_taken_also_in_resumed_sessions(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(old.ca.read_bytes())
    tls = ServerTls(
        listener_tls(authority.issue(), client_ca=str(trusted), client_certificate="required")
    )
    of_old = authority.client_context(old.issue())
    of_new = authority.client_context(new.issue())
    of_old.maximum_version = of_new.maximum_version = version

    def session_of(port: int) -> ssl.SSLSession | None:
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            of_old.wrap_socket(plain, server_hostname="localhost") as sock,
        ):
            sock.sendall(b"hello")
            sock.recv(5)
            return sock.session

    def resumes(port: int, session: ssl.SSLSession | None) -> bool:
        try:
            with (
                socket.create_connection(("127.0.0.1", port)) as plain,
                of_old.wrap_socket(plain, server_hostname="localhost", session=session) as sock,
            ):
                sock.sendall(b"hello")
                return sock.recv(5) == b"hello"
        except OSError:
            return False

    async def scenario() -> None:
        async with serving(tls.context) as port:
            assert await refused(port, of_new)
            session = await asyncio.to_thread(session_of, port)
            trusted.write_bytes(new.ca.read_bytes())
            tls.reload()
            assert not await refused(port, of_new)
            assert await refused(port, of_old)
            assert not await asyncio.to_thread(resumes, port, session)

    run(scenario())


# --- towards targets -----------------------------------------------------------------------------


def server_context(pair: Pair, client_ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def verdict(server: ssl.SSLContext, tls: UpstreamTls, name: str = "localhost") -> str:
    async def scenario() -> str:
        async with serving(server) as port:
            try:
                connection = await connect(port, client_context(tls), name)
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except (OSError, EOFError):
                return "refused"
            chosen = connection.tls.selected_alpn_protocol()
            await connection.close()
            return f"speaks {chosen}"

    return run(scenario())


def test_targets_are_verified_against_the_given_authority(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    tls = UpstreamTls(ca=str(authority.ca))
    assert verdict(server_context(authority.issue()), tls) == "speaks http/1.1"
    assert "self-signed" in verdict(server_context(stranger.issue()), tls) or (
        "local issuer" in verdict(server_context(stranger.issue()), tls)
    )
    assert "expired" in verdict(server_context(authority.issue(days=-1)), tls)
    assert "Hostname mismatch" in verdict(server_context(authority.issue(["a.example"])), tls)
    assert verdict(server_context(authority.issue(["a.example"])), tls, "a.example") == (
        "speaks http/1.1"
    )


def test_the_systems_authorities_are_the_default(authority: Authority) -> None:
    context = client_context(UpstreamTls())
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert "local issuer" in verdict(server_context(authority.issue()), UpstreamTls())


def test_verification_can_be_given_up(authority: Authority) -> None:
    server = server_context(authority.issue(["a.example"], days=-1))
    assert verdict(server, UpstreamTls(verify=False)) == "speaks http/1.1"


def test_our_own_certificate_is_shown_to_targets(authority: Authority, tmp_path: Path) -> None:
    ours = Authority(tmp_path, "ours")
    pair = ours.issue()
    server = server_context(authority.issue(), ours.ca)
    tls = UpstreamTls(ca=str(authority.ca), certificate=str(pair.certificate), key=str(pair.key))
    assert verdict(server, tls) == "speaks http/1.1"
    assert verdict(server, UpstreamTls(ca=str(authority.ca))) == "refused"


def test_bad_files_of_a_service_are_all_named(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue()
    with pytest.raises(ConfigError) as caught:
        client_context(
            UpstreamTls(ca=str(tmp_path / "gone"), certificate=str(pair.certificate)),
            "services.users.tls",
        )
    assert [(fault.path, fault.message) for fault in caught.value.faults] == [
        ("services.users.tls.ca", f"{tmp_path / 'gone'}: No such file or directory"),
        ("services.users.tls.key", "expected `certificate` and `key` together"),
    ]
