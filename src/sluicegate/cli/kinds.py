"""Kinds of what the gateway keeps, as they are written on a command line and in URLs."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import quote

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.snapshot import stored

Versioned = Literal["service", "plan", "team", "consumer", "provider", "model", "route", "policies"]
"""Kinds whose revisions can be shown and brought back."""
Recorded = Literal[
    "service", "plan", "team", "consumer", "provider", "model", "route", "policies", "key", "secret"
]
"""Kinds whose resources have a history each."""
Audited = Literal[
    "service", "plan", "team", "consumer", "provider", "model", "route", "policies", "key",
    "secret", "token",
]  # fmt: skip
"""Everything that is stored."""

SECTIONS: Final = tuple(stored.SECTIONS.values())
"""What can be declared and applied, as sections of a file, in the order of `export`."""


def named(kind: str, name: str) -> str:
    """Return the name of a resource as it was given; of `policies` there is one, without a name.

    Raises CommandFailed where it is missing.
    """
    if kind != "policies" and not name:
        raise CommandFailed(Exit.USAGE, f"expected the name of a {kind}")
    return "" if kind == "policies" else name


def path_of(kind: str, name: str = "") -> str:
    """Return where a kind, or one of it, is: `/consumers/acme`. A `/` in a name is `%2F`."""
    return f"/{stored.PLURALS[kind]}" + (f"/{quote(name, safe='')}" if name else "")
