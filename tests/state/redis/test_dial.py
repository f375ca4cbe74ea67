from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError, StateAway
from sluicegate.metrics import HistogramCell
from sluicegate.model.units import Duration
from sluicegate.settings import State, StateTls
from sluicegate.state.redis.address import Endpoint, parse_address
from sluicegate.state.redis.connection import Connection
from sluicegate.state.redis.dial import Dial
from sluicegate.state.redis.resp import command
from support.loops import run
from support.valkey import PASSWORD, USER, TlsValkey, Valkey, tls_server

SECRET = "of-nobody-else"
PATIENT = Duration(10)


class Nobody:
    """Takes no notice."""

    def ended(self, connection: Connection, reason: str) -> None: ...


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Return a server with a password for `default`, and a user that may run scripts only."""
    users = ("--user", "narrow", "on", ">narrow-one", "~sg:*", "-@all", "+eval", "+evalsha")
    folder = tmp_path_factory.mktemp("guarded")
    with Valkey(folder, args=("--requirepass", SECRET, *users)) as server:
        yield server


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsValkey]:
    with tls_server(tmp_path_factory.mktemp("secure"), asks_clients=True) as server:
        yield server


def ask(url: str, question: bytes = b"", *, primary: bool = True, **settings: object) -> object:
    """Open a connection and return the answer to a question; raises StateAway."""

    async def body() -> object:
        address = parse_address(url)
        given: dict[str, Any] = {"timeout": PATIENT, "connect_timeout": PATIENT, **settings}
        dial = Dial(
            State(url=url, **given),
            Clock(),
            HistogramCell((1.0,)),
            tls=address.tls,
            database=address.database,
            name="w1",
        )
        connection = await dial.open(address.endpoints[0], Nobody(), primary=primary)
        try:
            return await connection.call(question or command("PING"))
        finally:
            connection.close()

    return run(body())


def test_a_server_answers_over_tcp_and_over_a_unix_socket(valkey: Valkey, guarded: Valkey) -> None:
    assert ask(valkey.url) == b"PONG"
    assert ask(guarded.url, password=SECRET) == b"PONG"


def test_the_connection_is_named_and_in_the_database_of_the_url(guarded: Valkey) -> None:
    told = ask(f"{guarded.url}/3", command("CLIENT", "INFO"), password=SECRET)
    assert isinstance(told, bytes)
    assert b" name=w1 " in told
    assert b" db=3 " in told


def test_an_acl_user_that_may_run_scripts_only_will_do(guarded: Valkey) -> None:
    question = command("EVAL", "return 7", 1, "sg:{a}b")
    assert ask(guarded.url, question, username="narrow", password="narrow-one") == 7


@pytest.mark.parametrize(
    "settings", [{}, {"password": "wrong-one"}, {"username": "x", "password": "wrong-one"}]
)
def test_a_wrong_password_is_said_without_being_shown(
    guarded: Valkey, settings: dict[str, str]
) -> None:
    with pytest.raises(StateAway) as caught:
        ask(guarded.url, **settings)
    assert str(caught.value) == "the server refuses our user or password"


def test_secrets_are_in_no_repr() -> None:
    shown = repr(State(url="redis://a", username="u", password=SECRET, sentinel_password=SECRET))
    assert SECRET not in shown
    assert "redis://a" in shown


def test_tls_is_verified_and_shows_our_certificate(secure: TlsValkey) -> None:
    tls = StateTls(
        ca=str(secure.authority.ca),
        certificate=str(secure.pair.certificate),
        key=str(secure.pair.key),
    )
    assert ask(secure.url, tls=tls, username=USER, password=PASSWORD) == b"PONG"


def test_a_server_of_another_authority_is_refused(secure: TlsValkey) -> None:
    with pytest.raises(StateAway, match="TLS failed"):
        ask(secure.url, username=USER, password=PASSWORD)


def test_a_server_that_misses_our_certificate_says_so_or_hangs_up(secure: TlsValkey) -> None:
    with pytest.raises(StateAway):
        ask(secure.url, tls=StateTls(ca=str(secure.authority.ca)), username=USER, password=PASSWORD)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    tls = StateTls(ca=missing, certificate=missing, key=missing)
    with pytest.raises(ConfigError) as caught:
        Dial(State(url="rediss://a", tls=tls), Clock(), HistogramCell((1.0,)), tls=True)
    assert [fault.path for fault in caught.value.faults] == [
        "state.tls.ca",
        "state.tls.certificate",
    ]


def test_a_replica_is_no_primary(tmp_path: Path) -> None:
    with Valkey(tmp_path / "primary") as primary:
        of = ("--replicaof", "127.0.0.1", str(primary.port))
        with Valkey(tmp_path / "replica", args=of) as replica:
            with pytest.raises(StateAway, match="is a replica"):
                ask(replica.url)
            primary.kill()


def test_a_server_that_accepts_and_says_nothing_is_given_up() -> None:
    async def body() -> None:
        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = State(url="redis://a", connect_timeout=Duration(0.05))
        dial = Dial(settings, Clock(), HistogramCell((1.0,)), tls=False)
        with pytest.raises(StateAway, match="in time"):
            await dial.open(Endpoint("127.0.0.1", port), Nobody())
        server.close()

    run(body())


def test_a_host_that_can_have_no_name_is_away() -> None:
    with pytest.raises(StateAway, match="no connection"):
        ask(f"redis://{'a' * 70}.example")


def test_a_place_where_nothing_listens_is_away(tmp_path: Path) -> None:
    with pytest.raises(StateAway, match="no connection"):
        ask(f"unix://{tmp_path}/none")
