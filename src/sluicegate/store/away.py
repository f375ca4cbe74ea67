"""What an error says of the store: that it cannot be asked, and whether nobody can ask it."""

from __future__ import annotations

from typing import Final

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_SLOW: Final = "the server took too long"
_LOST: Final = "the connection was lost"
_UNREACHABLE: Final = "the server cannot be reached"
_UNKNOWN: Final = "the server refuses our user or password"

REASONS: Final[tuple[tuple[type[BaseException], str, bool], ...]] = (
    (PoolTimeout, "all connections are in use", False),
    (asyncpg.DataError, "", False),  # a value that does not fit; asyncpg has it as InterfaceError
    (asyncpg.QueryCanceledError, _SLOW, False),
    (asyncpg.LockNotAvailableError, _SLOW, False),
    (asyncpg.InvalidAuthorizationSpecificationError, _UNKNOWN, True),
    (asyncpg.InvalidCatalogNameError, "the server has no such database", True),
    (asyncpg.TooManyConnectionsError, "the server has no connection left", True),
    (asyncpg.ReadOnlySQLTransactionError, "the server takes no writes", True),
    (asyncpg.TargetServerAttributeNotMatched, "no server takes writes", True),
    (asyncpg.CannotConnectNowError, "the server is starting or ending", True),
    (asyncpg.AdminShutdownError, _LOST, True),
    (asyncpg.CrashShutdownError, _LOST, True),
    (asyncpg.IdleInTransactionSessionTimeoutError, _LOST, False),
    (asyncpg.PostgresConnectionError, _LOST, True),
    (asyncpg.PostgresError, "", False),
    (asyncpg.InterfaceError, _LOST, True),
    (TimeoutError, "the server did not answer in time", True),
    (ConnectionRefusedError, _UNREACHABLE, True),
    (ConnectionError, _LOST, True),
    (EOFError, _LOST, True),
    (OSError, _UNREACHABLE, True),
)
"""By class, the first that fits: a reason, empty for errors of a statement itself, and whether it
holds for all who ask."""

SQLITE_REASONS: Final = (
    ("locked", "another process writes to it", False),
    ("busy", "another process writes to it", False),
    ("unable to open", "the file cannot be opened", True),
    ("disk I/O", "the file cannot be read or written", True),
    ("readonly", "the file cannot be written", True),
    ("is full", "the disk is full", True),
)
"""The same for SQLite, which tells by words."""


def why_away(error: BaseException) -> tuple[str, bool]:
    """Say why this error means that the store cannot be asked, and whether nobody can.

    The reason is empty for an error of the statement itself; it never quotes the error.
    """
    cause = _cause(error)
    for kind, reason, for_all in REASONS:
        if isinstance(cause, kind):
            return reason, for_all
    if isinstance(error, OperationalError):
        told = str(error.orig)
        for words, reason, for_all in SQLITE_REASONS:
            if words in told:
                return reason, for_all
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return _LOST, True
    return "", False


def _cause(error: BaseException) -> BaseException:
    """Return what the driver raised, below what SQLAlchemy makes of it."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error
