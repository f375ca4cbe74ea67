from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from sluicegate.store.away import why_away


def wrapped(cause: BaseException) -> DBAPIError:
    """Wrap an error as SQLAlchemy does with those of asyncpg."""
    adapted = Exception("adapted")
    adapted.__cause__ = cause
    return DBAPIError("SELECT 'secret'", {}, adapted)


@pytest.mark.parametrize(
    ("error", "for_all"),
    [
        (asyncpg.QueryCanceledError("secret"), False),
        (asyncpg.InvalidPasswordError("secret"), True),
        (asyncpg.CannotConnectNowError("secret"), True),
        (asyncpg.AdminShutdownError("secret"), True),
        (asyncpg.ConnectionDoesNotExistError("secret"), True),
        (asyncpg.InterfaceError("secret"), True),
        (ConnectionRefusedError("secret"), True),
        (ConnectionResetError("secret"), True),
        (TimeoutError("secret"), True),
        (OSError("secret"), True),
    ],
)
def test_a_lost_server_is_told_without_what_the_error_says(
    error: Exception, *, for_all: bool
) -> None:
    for each in (error, wrapped(error)):
        reason, found = why_away(each)
        assert reason
        assert "secret" not in reason
        assert found is for_all


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.UniqueViolationError("twice"),
        asyncpg.UndefinedTableError("no such table"),
        asyncpg.DataError("not a number"),
        ValueError("ours"),
    ],
)
def test_an_error_of_the_statement_says_nothing_of_the_server(error: Exception) -> None:
    assert why_away(error) == ("", False)
    assert why_away(wrapped(error)) == ("", False)


@pytest.mark.parametrize(
    ("told", "for_all"),
    [
        ("database is locked", False),
        ("unable to open database file", True),
        ("disk I/O error", True),
        ("database or disk is full", True),
    ],
)
def test_a_file_that_cannot_be_used_is_away(told: str, *, for_all: bool) -> None:
    reason, found = why_away(OperationalError("SELECT 1", {}, Exception(told)))
    assert reason
    assert found is for_all


def test_other_errors_of_sqlite_are_of_the_statement() -> None:
    assert why_away(OperationalError("X", {}, Exception("no such table: x"))) == ("", False)
    assert why_away(IntegrityError("X", {}, Exception("UNIQUE"))) == ("", False)
