"""The Lua scripts that count in Redis or Valkey, ready to be called by their digest.

Each begins with what all of them use, `values.lua`, and the algorithms that it calls. The wire form
of a script is the comment at the top of its file in `state/scripts/`.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

ALGORITHMS = (
    "bucket",
    "leaky",
    "fixed",
    "sliding",
    "log",
    "slots",
    "leased",
    "regional",
    "spending",
)
RARE = ("kept", "charged", "month", "bill", "line", "overflow", "settled")
"""Files of what only few calls need."""
DEBTORS = ("bucket", "leaky", "leased")
"""Algorithms that count a debt, and share how."""


class Script:
    """A script: its `source` for EVAL, and the `sha` for EVALSHA (40 hex digits)."""

    __slots__ = ("sha", "source")

    def __init__(self, source: bytes) -> None:
        """Keep the source, and take its digest, as SCRIPT LOAD would."""
        self.source = source
        self.sha = hashlib.sha1(source, usedforsecurity=False).hexdigest().encode()


def script(name: str) -> Script:
    """Read a script of `state/scripts/`, by its name: `take`, `settle`, `present` and so on."""
    body = _text(name)
    parts = [_text("time"), body]
    if "part(" in body:
        parts[1:1] = [_branches(), _text("values")]
    return Script("\n".join(parts).encode())


def _branches() -> str:
    """Make one function of many files, so that a call sets up only those that it uses."""
    branches = [f'if code == "{code}" then\n{_algorithm(code)}' for code in ALGORITHMS]
    branches += [f'if code == "{name}" then\n{_text(name)}' for name in RARE]
    return f"local function part(code)\n{'else'.join(branches)}end\nend\n"


def _algorithm(code: str) -> str:
    own = _text(f"algorithms/{code}")
    return f"{_text('debt')}\n{own}" if code in DEBTORS else own


def _text(name: str) -> str:
    return (files("sluicegate.state") / "scripts" / f"{name}.lua").read_text("utf-8")
