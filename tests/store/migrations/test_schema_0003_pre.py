from __future__ import annotations

from sluicegate.store.migrations import schema_0003_pre
from support.postgres import Postgres


def test_it_follows_the_ledger() -> None:
    assert schema_0003_pre.down_revision == "0002_pre"


def test_what_was_said_stands_in_one_column(postgres: Postgres, postgres_url: str) -> None:
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'archive' "
        "AND data_type IN ('text', 'bytea', 'json', 'jsonb') ORDER BY 1"
    )
    found = postgres.execute(query, postgres_url.rpartition("/")[2])
    assert [name for [name] in found] == [
        "consumer", "id", "model", "request_id", "route", "sealed", "team",
    ]  # fmt: skip
