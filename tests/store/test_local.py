"""Rows that belong to one server become what they were made of."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.dialects import postgresql, sqlite

from sluicegate.store import local
from sluicegate.store.contract import Answer, DataKey, ReplicaRow
from sluicegate.store.tables import METADATA, data_keys
from support.mock_clock import EPOCH_US


def test_what_is_kept_is_read_back_and_replaced() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        METADATA.create_all(connection)
        answer = Answer("hash", 200, {"a": "ä"}, b"\0\xff")
        connection.execute(local.keep_answer(sqlite.insert, "ann", "k", answer, EPOCH_US))
        [row] = connection.execute(local.answer("ann", "k", EPOCH_US + 1))
        assert local.answer_of(row) == answer

        for version in ("1", "2"):
            replica = ReplicaRow("r", "eu", version, "x", 3, 0, EPOCH_US)
            connection.execute(local.keep_replica(sqlite.insert, replica))
        [row] = connection.execute(local.replicas_since(EPOCH_US))
        assert local.replica_of(row) == replica

        for at_us in (5, 9, 7):
            connection.execute(local.keep_use(sqlite.insert), {"key": "k", "at_us": at_us})
        asked = local.used_keys(["k"], lambda column, values: column.in_(list(values)))
        assert [tuple(row) for row in connection.execute(asked)] == [("k", 9)]

        key = DataKey("01a20236-b669-71fa-8736-d5eaea992fec", "d", "main", b"\0\1", 5)
        connection.execute(data_keys.insert().values(**local.row_of_data_key(key)))
        [row] = connection.execute(local.all_data_keys())
        assert local.data_key_of(row) == key
    engine.dispose()


@pytest.mark.parametrize("server", [sqlite, postgresql])
def test_both_servers_replace_by_the_same_words(server: Any) -> None:
    asked = str(local.keep_use(server.insert).compile(dialect=server.dialect()))
    words = "DO UPDATE SET at_us = excluded.at_us WHERE uses.at_us < excluded.at_us"
    assert words in asked
