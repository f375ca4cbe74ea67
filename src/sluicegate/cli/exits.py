"""What a command ends with: its exit status, and the words for why it could not do its work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

from sluicegate.cli.table import plain
from sluicegate.errors import SluicegateError


class Exit(IntEnum):
    """Exit statuses, the same for every command. 2 is the shell's and click's for misuse."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    DIFFERENT = 3
    UNREACHABLE = 4
    NOT_ALLOWED = 5
    CONFLICT = 6


MEANINGS: Final = (
    (Exit.OK, "done"),
    (
        Exit.REFUSED,
        "refused: there are faults, or what was named is not there; `reconcile` found a difference",
    ),
    (Exit.USAGE, "misuse of the command line"),
    (Exit.DIFFERENT, "`diff` found differences"),
    (Exit.UNREACHABLE, "the gateway, or its store, cannot be reached now"),
    (Exit.NOT_ALLOWED, "no token, or one that may not do this"),
    (Exit.CONFLICT, "somebody else has changed it, or it is declared in the gateway's file"),
)


_BY_STATUS: Final = {
    401: Exit.NOT_ALLOWED,
    403: Exit.NOT_ALLOWED,
    409: Exit.CONFLICT,
    412: Exit.CONFLICT,
    428: Exit.CONFLICT,
    429: Exit.UNREACHABLE,
}
NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500


class CommandFailed(SluicegateError):
    """A command cannot do what it was asked to; `lines` say more, one thing each."""

    def __init__(self, status: Exit, message: str, lines: Sequence[str] = ()) -> None:
        """Say what to exit with and why."""
        super().__init__(message)
        self.status = status
        self.lines = tuple(lines)


class Refusal(CommandFailed):
    """The admin API refused: `http_status`, and what it said as a problem (RFC 9457).

    `faults` are pairs of path and message, paths from the root (`routes.users.match.path`).
    """

    def __init__(self, http_status: int, problem: Mapping[str, Any]) -> None:
        """Put the problem into words."""
        status = _BY_STATUS.get(http_status, Exit.REFUSED)
        status = Exit.UNREACHABLE if http_status >= _SERVER_ERROR else status
        title = str(problem.get("title") or f"the gateway answered {http_status}")
        detail = problem.get("detail")
        self.faults = _faults(problem)
        lines = [plain(f"{path or '(all)'}: {message}") for path, message in self.faults]
        super().__init__(status, plain(f"{title}: {detail}" if detail else title), lines)
        self.http_status = http_status


def epilog() -> str:
    """Return the exit statuses as a sentence for `--help`."""
    said = "; ".join(f"{status.value} {meaning}" for status, meaning in MEANINGS)
    return f"Exit status: {said}."


def _faults(problem: Mapping[str, Any]) -> list[tuple[str, str]]:
    held = problem.get("errors")
    return [
        (str(each.get("path", "")), str(each.get("message", "")))
        for each in (held if isinstance(held, list) else [])
        if isinstance(each, dict)
    ]
