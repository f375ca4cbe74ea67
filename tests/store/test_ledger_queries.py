from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from sluicegate.store import ledger_queries as queries
from sluicegate.store.ledger import DIMENSIONS, UsageQuery
from sluicegate.store.tables import ledger

DIALECTS = (postgresql.dialect(), sqlite.dialect())


@given(st.integers(0, 50_000), st.sampled_from(["day", "hour", "status"]))
def test_what_is_written_of_a_value_is_read_back(value: int, name: str) -> None:
    written = queries._written(name, value)  # type: ignore[arg-type]  # literals
    assert written is not None
    assert queries._read(name, written) == value  # type: ignore[arg-type]  # literals


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_values_are_never_part_of_the_statement(dialect: object) -> None:
    query = UsageQuery(
        0, 1, by=DIMENSIONS[:9], where={"team": "secret-team"}, after=("secret-after",) * 9
    )
    asked = queries.usage(query, lambda at_us: at_us)  # type: ignore[arg-type,return-value]  # any column
    assert "secret" not in str(asked.compile(dialect=dialect))  # type: ignore[arg-type]  # a dialect


def test_expiry_takes_a_window_at_a_time() -> None:
    told = str(queries.expired(5, 10).compile(dialect=postgresql.dialect()))
    assert "LIMIT" in told
    assert ledger.name in told
