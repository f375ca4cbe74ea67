"""Who is asking: what a handler knows of its caller.

A handler takes it as the dependency `who: Caller` and asks `require(who, "write", "route")` first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from litestar import Request  # noqa: TC002 - read by Litestar, as part of a signature
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from sluicegate.admin.control import Control
from sluicegate.admin.roles import Role, Verb, allows
from sluicegate.clock import Clock
from sluicegate.errors import FORBIDDEN, Refused
from sluicegate.store.contract import Author

if TYPE_CHECKING:
    from sluicegate.admin.sign_in import SignIn

BEHIND: Final = "sluicegate.behind"
"""Where a request's scope has what it is answered with."""


class Who(NamedTuple):
    """A caller whose token is good.

    `name` is that of the token (no secret), `via` the address it came from. With a `team` only
    consumers and keys of that team are for this caller to see.
    """

    name: str
    role: Role
    team: str | None
    via: str

    def author(self, action: str) -> Author:
        """Return what the history is to say of a change."""
        return Author(self.name, self.via, action)

    def sees(self, team: str | None) -> bool:
        """Say whether what belongs to that team (None: to no team) exists for this caller."""
        return self.team is None or self.team == team

    @property
    def teams(self) -> list[str] | None:
        """Teams to which a listing is bounded; None where it is not."""
        return None if self.team is None else [self.team]


class Behind(NamedTuple):
    """What requests are answered with; `under_way` are those with an `Idempotency-Key`."""

    control: Control
    clock: Clock
    sign_in: SignIn
    under_way: set[tuple[str, str]]


Caller = NamedDependency[SkipValidation[Who]]
"""The dependency `who`."""
Controlled = NamedDependency[SkipValidation[Control]]
"""The dependency `control`."""
Timed = NamedDependency[SkipValidation[Clock]]
"""The dependency `clock`."""


def may(who: Who, verb: Verb, kind: str) -> bool:
    """Say whether a caller may `read` or `write` a kind."""
    return allows(who.role, who.team, verb, kind)


def require(who: Who, verb: Verb, kind: str) -> None:
    """Raise Refused (403) where a caller may not."""
    if may(who, verb, kind):
        return
    whose = f"of the team {who.team}" if who.team is not None else f"with the role {who.role}"
    raise Refused(FORBIDDEN, f"a token {whose} may not {verb} this: {kind}")


def behind(scope: Mapping[str, Any]) -> Behind:
    """Return what a request is answered with."""
    found: Behind = scope[BEHIND]
    return found


def provide_who(request: Request[Any, Any, Any]) -> Who:
    """Return the caller, whom the middleware has let in (the dependency `who`)."""
    who: Who = request.scope["user"]
    return who


def provide_control(request: Request[Any, Any, Any]) -> Control:
    """Return the control (the dependency `control`)."""
    return behind(request.scope).control


def provide_clock(request: Request[Any, Any, Any]) -> Clock:
    """Return the clock (the dependency `clock`)."""
    return behind(request.scope).clock


PROVIDED: Final[Mapping[str, Callable[..., Any]]] = {
    "who": provide_who,
    "control": provide_control,
    "clock": provide_clock,
}
"""Dependencies of handlers, by name."""
