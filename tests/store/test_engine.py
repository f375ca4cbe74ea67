from __future__ import annotations

import asyncio
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from sluicegate.errors import ConfigError
from sluicegate.model.units import Duration
from sluicegate.settings import Settings
from sluicegate.settings.store import Store, StoreTls
from sluicegate.store.engine import WRITES, open_engine
from support.certificates import Authority
from support.loops import run
from support.postgres import Postgres, store_settings

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


async def ask(settings: Settings, *statements: str) -> list[Any]:
    engine = open_engine(settings)
    try:
        async with engine.connect() as connection:
            return [await connection.scalar(text(statement)) for statement in statements]
    finally:
        await engine.dispose()


# --- SQLite -------------------------------------------------------------------------------------


def file_settings(folder: Path, **changes: Any) -> Settings:
    return Settings(store=Store(**changes), data_dir=str(folder / "data"))


def test_a_file_is_made_in_the_data_folder_for_us_alone(tmp_path: Path) -> None:
    assert run(ask(file_settings(tmp_path), "SELECT 1")) == [1]
    folder = tmp_path / "data"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {"sluicegate.db"}
    assert (folder / "sluicegate.db").stat().st_mode & 0o777 == 0o600


def test_a_file_is_written_ahead_and_safely(tmp_path: Path) -> None:
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    settings = file_settings(tmp_path, timeout=Duration(3))
    found = run(ask(settings, *(f"PRAGMA {name}" for name in pragmas)))
    assert found == ["wal", 2, 1, 3000]


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    async def scenario(folder: Path) -> list[Any]:
        settings = file_settings(folder)
        return await asyncio.gather(*(ask(settings, "PRAGMA journal_mode") for _ in range(8)))

    for turn in range(20):
        assert run(scenario(tmp_path / str(turn))) == [["wal"]] * 8


def test_opening_again_leaves_the_locks_of_this_process(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = file_settings(tmp_path, timeout=Duration(0.1))
        holder = open_engine(settings)
        async with holder.connect() as connection:
            await connection.execute(text("PRAGMA locking_mode = EXCLUSIVE"))
            await connection.execute(text("CREATE TABLE counts (n INTEGER)"))
            await connection.commit()
            before = threading.active_count()
            with pytest.raises(OperationalError, match="locked"):
                await ask(settings, "SELECT 1")
            while threading.active_count() > before:  # noqa: ASYNC110 - a thread's end tells nobody
                await asyncio.sleep(0.001)
            await asyncio.to_thread(another_process_is_refused, tmp_path / "data/sluicegate.db")
        await holder.dispose()

    run(scenario())


def another_process_is_refused(file: Path) -> None:
    reads = "sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT * FROM counts')"
    code = f"import sqlite3, sys; {reads}"
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, check=False)
    assert b"database is locked" in done.stderr


def test_whoever_writes_is_alone_from_the_beginning_and_readers_go_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = open_engine(file_settings(tmp_path))
        async with engine.begin() as connection:
            await connection.execute(text("CREATE TABLE counts (n INTEGER)"))
            await connection.execute(text("INSERT INTO counts VALUES (0)"))

        async def count() -> None:
            async with engine.connect() as connection:
                await connection.execution_options(**{WRITES: True})
                async with connection.begin():
                    n = await connection.scalar(text("SELECT n FROM counts"))
                    await asyncio.sleep(0)
                    await connection.execute(text("UPDATE counts SET n = :n"), {"n": n + 1})

        await asyncio.gather(*(count() for _ in range(20)))
        async with engine.connect() as writer, engine.connect() as reader:
            await writer.execution_options(**{WRITES: True})
            await writer.execute(text("UPDATE counts SET n = 0"))
            assert await reader.scalar(text("SELECT n FROM counts")) == 20
        await engine.dispose()

    run(scenario())


def test_who_is_cut_while_writing_leaves_no_lock_with_what_it_still_holds(tmp_path: Path) -> None:
    async def scenario() -> None:
        engine = open_engine(file_settings(tmp_path, timeout=Duration(5)))
        connection = await engine.connect()
        await connection.execution_options(**{WRITES: True})
        await connection.execute(text("CREATE TABLE counts (n INTEGER)"))
        driver: Any = (await connection.get_raw_connection()).driver_connection
        held = await driver.execute("SELECT 1 UNION SELECT 2")
        assert await held.fetchone() == (1,)
        await connection.invalidate()
        async with engine.connect() as other:
            await other.execution_options(**{WRITES: True})
            await other.execute(text("CREATE TABLE counts (n INTEGER)"))  # the first is undone
        await connection.close()
        await engine.dispose()

    run(scenario())


# --- PostgreSQL ---------------------------------------------------------------------------------


def test_the_server_bounds_statements_too(postgres: Postgres) -> None:
    settings = store_settings(postgres.url, timeout=Duration(1.5))
    assert run(ask(settings, "SHOW statement_timeout")) == ["1200ms"]


def test_no_more_connections_are_made_than_allowed(postgres: Postgres, postgres_url: str) -> None:
    async def scenario() -> None:
        engine = open_engine(store_settings(postgres_url, connections=2))
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'sluicegate' AND datname = current_database()"
        )

        async def count() -> int:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT pg_sleep(0.01)"))
                return int(await connection.scalar(text(query)) or 0)

        found = await asyncio.gather(*(count() for _ in range(10)))
        await engine.dispose()
        assert set(found) <= {1, 2}

    postgres.execute("SELECT 1")
    run(scenario())


def test_name_and_password_are_those_of_the_settings_and_no_others(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.execute("CREATE ROLE gate LOGIN PASSWORD 'of-the-gate'")
    settings = store_settings(postgres.url, username="gate", password="of-the-gate")
    assert run(ask(settings, "SELECT current_user")) == ["gate"]
    monkeypatch.setenv("PGPASSWORD", "of-the-gate")
    for password in ("wrong", None):
        with pytest.raises(Exception, match="password") as caught:
            run(ask(store_settings(postgres.url, username="gate", password=password), "SELECT 1"))
        assert "of-the-gate" not in str(caught.value)


def test_of_several_servers_the_one_that_takes_writes_is_used(postgres: Postgres) -> None:
    url = postgres.url.replace("127.0.0.1", "127.0.0.1:1,127.0.0.1")
    assert run(ask(store_settings(url), "SELECT 1")) == [1]


@asynccontextmanager
async def tls_in_front_of(server: Postgres, context: ssl.SSLContext) -> Any:
    """Speak PostgreSQL's way of TLS, and plainly to the server, whose build has none."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == SSL_REQUEST
        writer.write(b"S")
        try:
            await writer.start_tls(context)
        except (ssl.SSLError, ConnectionError):
            writer.close()
            return
        back, there = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, there), pump(back, writer))

    front = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with front:
        yield front.sockets[0].getsockname()[1]


Change = Callable[[Authority, Path], StoreTls]


@pytest.mark.parametrize(
    ("host", "other_ca", "trusted"),
    [("localhost", False, True), ("127.0.0.1", False, False), ("localhost", True, False)],
    ids=["a name that is in it", "another name", "another authority"],
)
def test_a_server_is_believed_by_its_certificate(
    postgres: Postgres, tmp_path: Path, host: str, *, other_ca: bool, trusted: bool
) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue(("localhost",))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    ca = Authority(tmp_path, "other").ca if other_ca else authority.ca

    async def scenario() -> list[Any]:
        async with tls_in_front_of(postgres, context) as port:
            url = f"postgresql://{host}:{port}/postgres"
            tls = StoreTls(mode="verify", ca=str(ca))
            return await ask(store_settings(url, tls=tls), "SELECT 1")

    if trusted:
        assert run(scenario()) == [1]
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            run(scenario())


def test_a_server_without_tls_is_refused_where_tls_is_wanted(postgres: Postgres) -> None:
    with pytest.raises(ConnectionError, match="rejected SSL"):
        run(ask(store_settings(postgres.url, tls=StoreTls(mode="verify")), "SELECT 1"))


def test_files_that_cannot_be_used_are_faults_by_their_path(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    tls = StoreTls(ca=str(empty), certificate=str(empty), key=str(empty))
    with pytest.raises(ConfigError) as caught:
        open_engine(store_settings("postgresql://db.example.org/gate", tls=tls))
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["store.tls.ca", "store.tls.certificate"]


def test_without_a_store_there_is_no_engine() -> None:
    with pytest.raises(ValueError, match="no store"):
        open_engine(Settings(store=Store(url="none")))
