"""The store, looked at on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

from sluicegate.cli.examination.finding import Finding
from sluicegate.cli.examination.store import store_findings
from sluicegate.clock import Clock
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.store.migrate import migrate
from support.loops import run
from support.mock_clock import MockClock
from support.ports import free_port
from support.postgres import Postgres, store_settings


def look(settings: Settings, clock: Clock | None = None) -> list[Finding]:
    return run(store_findings(settings, clock or Clock()))


def seen(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.outcome, finding.seen) for finding in findings]


def test_without_a_store_there_is_nothing_to_look_at() -> None:
    assert seen(look(Settings(store=Store(url="none")))) == [
        ("ok", "none: the file is all there is")
    ]


def test_sqlite_that_is_not_there_yet_stays_so(tmp_path: Path) -> None:
    (found,) = look(Settings(data_dir=str(tmp_path)))
    assert (found.outcome, "not there yet" in found.seen) == ("ok", True)
    assert not list(tmp_path.iterdir())


def test_sqlite_with_our_schema_is_well(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    run(migrate(settings))
    about, schema = look(settings)
    assert about.seen.startswith("SQLite 3.")
    assert (schema.outcome, schema.seen) == ("ok", "the schema is one that this version works with")


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "sluicegate.db").write_bytes(b"no database at all" * 100)
    (found,) = look(Settings(data_dir=str(tmp_path)))
    assert found.outcome == "fault"
    assert "not a database" in found.seen


def test_postgresql_is_asked_for_version_time_and_schema(postgres_url: str) -> None:
    findings = look(store_settings(postgres_url))
    assert [finding.outcome for finding in findings] == ["ok", "ok", "ok"]
    assert findings[0].seen.startswith("PostgreSQL 1")


def test_a_clock_too_far_from_the_servers_is_a_fault(postgres_url: str) -> None:
    findings = look(store_settings(postgres_url), MockClock())
    assert [finding.outcome for finding in findings] == ["ok", "fault", "ok"]


def test_a_database_without_a_schema_says_what_to_run(postgres: Postgres) -> None:
    url = postgres.database(empty=True)
    *_, schema = look(store_settings(url))
    postgres.drop(url.rpartition("/")[2])
    assert schema.outcome == "fault"
    assert "run `sluicegate migrate`" in schema.seen


def test_a_server_that_is_not_there_is_a_fault_without_secrets() -> None:
    url = f"postgresql://127.0.0.1:{free_port()}/sluicegate"
    (found,) = look(store_settings(url, password="a-secret-word"))
    assert found.outcome == "fault"
    assert "cannot be asked" in found.seen
    assert "secret" not in found.seen
