"""Who may do what through the admin API.

| role | reads | changes |
|---|---|---|
| `viewer` | all but secrets, tokens and the archive | nothing |
| `operator` | the same | everything but secrets and tokens |
| `admin` | everything (a secret's value is never shown) | everything |

A token of a team is good for the consumers and keys of that team, shows what they used and their
budgets, and is good for nothing else: no role gives it more. Those of others do not exist for it
(404). What budgets have counted is put right by the role `admin`.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Role = Literal["viewer", "operator", "admin"]
Verb = Literal["read", "write"]

ROLES: Final = get_args(Role)
OF_A_TEAM: Final = frozenset({"consumer", "key"})
"""Kinds that a token of a team is good for."""
SHOWN_TO_A_TEAM: Final = frozenset({"usage", "budgets"})
"""Nobody changes these; a token of a team sees those of its consumers."""
FOR_ADMINS: Final = frozenset({"token", "secret", "archive"})
"""What only the role `admin` reads and changes."""
Kind = Literal[
    "service", "provider", "model", "route", "plan", "policies", "team", "consumer", "key", "token",
    "secret",
]  # fmt: skip
KINDS: Final = frozenset(get_args(Kind))
"""Everything that is stored. `audit` and `replicas` may be asked for beside them."""


def allows(role: Role, team: str | None, verb: Verb, kind: str) -> bool:
    """Say whether a token of this role and team is good for that."""
    if team is not None and kind not in OF_A_TEAM | SHOWN_TO_A_TEAM:
        return False
    if kind in FOR_ADMINS or (kind, verb) == ("reconciliation", "write"):
        return role == "admin"
    return verb == "read" or (role != "viewer" and kind in KINDS)
