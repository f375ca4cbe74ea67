from __future__ import annotations

import pytest
from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from sluicegate.store.tables import METADATA, data_keys, revisions


@pytest.mark.parametrize("table", [revisions, data_keys], ids=lambda table: table.name)
def test_what_is_replicated_has_one_unique_key_that_no_sequence_makes(table: object) -> None:
    """As pgactive and logical replication ask of tables that are written in two places."""
    assert [column.name for column in table.primary_key] == ["id"]
    assert table.c.id.identity is None
    assert not any(index.unique for index in table.indexes)
    assert not any(isinstance(one, UniqueConstraint) for one in table.constraints)
    assert not table.foreign_keys


def test_names_are_compared_byte_by_byte_on_postgresql() -> None:
    made = str(CreateTable(revisions).compile(dialect=postgresql.dialect()))
    for column in ("kind", "name", "owner", "plan"):
        assert f'{column} TEXT COLLATE "C"' in made
    assert "COLLATE" not in str(CreateTable(revisions).compile(dialect=sqlite.dialect()))


def test_every_table_has_a_primary_key() -> None:
    assert all(table.primary_key.columns for table in METADATA.tables.values())
