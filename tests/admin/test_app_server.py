from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from sluicegate.admin.app_server import serve_app
from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.exchange import Exchange
from sluicegate.settings import Certificate, ListenerTls
from support.certificates import Authority
from support.loops import run
from support.ports import listening_socket
from support.raw_http import get


async def hello(exchange: Exchange) -> None:
    exchange.respond(200, [], exchange.request.path.encode())


def test_an_application_is_served_until_it_is_closed() -> None:
    async def scenario() -> None:
        with listening_socket() as sock:
            server = await serve_app(sock, hello, Clock())
            port = sock.getsockname()[1]
            answer = await asyncio.to_thread(get, port, "/a%2fb/../c")
            assert (answer.status, answer.body) == (200, b"/c")
            await server.close()

    run(scenario())


def test_certificates_that_cannot_be_read_are_faults_of_the_management_port(
    tmp_path: Path,
) -> None:
    pair = Certificate(certificate=str(tmp_path / "none.pem"), key=str(tmp_path / "none.key"))

    async def scenario() -> None:
        with listening_socket() as sock, pytest.raises(ConfigError) as caught:
            await serve_app(sock, hello, Clock(), ListenerTls(certificates=[pair]))
        assert caught.value.faults[0].path.startswith("management.tls.")

    run(scenario())


def test_it_speaks_tls_where_told(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    made = authority.issue()
    pair = Certificate(certificate=str(made.certificate), key=str(made.key))

    async def scenario() -> None:
        with listening_socket() as sock:
            tls = ListenerTls(certificates=[pair])
            server = await serve_app(sock, hello, Clock(), tls)
            port = sock.getsockname()[1]
            async with httpx.AsyncClient(verify=authority.client_context()) as client:
                answer = await client.get(f"https://localhost:{port}/secure")
            assert answer.text == "/secure"
            await server.close()

    run(scenario())
