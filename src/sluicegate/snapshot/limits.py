"""What limits say of each other: places that count the same, and limits of a consumer's own.

There may be a limit on each of 10 000 routes, so settings are only read again where it matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from sluicegate.model import units
from sluicegate.model.resource import FieldFault
from sluicegate.snapshot.faults import hint

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping

    from sluicegate.model.consumer import Consumer
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place
    from sluicegate.snapshot.uses import Use, Uses

EXPECTED = "expected the `name` of a `rate_limit` or `concurrency`"


class Counted(Protocol):
    """Settings of a policy that counts.

    `identity` is equal where two policies of one list would count in one place. `check_own`, where
    a consumer may have limits of their own, raises FieldFault for what cannot stand in.
    """

    @property
    def identity(self) -> str:
        """Tell its counts from those of others at its place."""

    def check_own(self, written: Sequence[str]) -> None:
        """Look at a consumer's own limits."""


class Limit:
    """A policy that counts, and the list it is in."""

    def __init__(self, use: Use) -> None:
        """Take a use that has its settings."""
        self.place = use.place
        self.where = use.place[:-2]
        self.policy = use.kind.name
        # `plans.<name>.policies`: a plan's concern its consumers, the others everybody.
        self.plan = use.place[1] if use.place[0] == "plans" else None
        self.fields = use.kind.config.__struct_fields__
        self.name = str(use.settings.get("name") or "")
        self.replaceable = bool(self.name) and hasattr(use.kind.config, "check_own")
        self._use = use
        self._config: Counted | None = None

    @property
    def config(self) -> Counted:
        """Its settings, read again once they are needed."""
        if self._config is None:
            use = self._use
            self._config = cast("Counted", units.convert(use.settings, use.kind.config))
        return self._config


def counting(uses: Iterable[Use]) -> list[Limit]:
    """Return the policies that count; one without settings has a fault."""
    return [Limit(use) for use in uses if use.settings and hasattr(use.kind.config, "identity")]


def check_own(draft: Draft, document: Document, uses: Uses) -> None:
    """Complain about limits of consumers that lead nowhere."""
    named = [limit for limit in counting(uses.seen) if limit.replaceable]
    teams = {name: team.plan for name, team in document.teams.items()}
    for name, consumer in document.consumers.items():
        if consumer.limits:
            place = ("consumers", name, "limits")
            check_limits(draft.complain, place, consumer, plans_of(consumer, teams), named)


def plans_of(consumer: Consumer, teams: Mapping[str, str | None]) -> set[str]:
    """Return the plans that a consumer's calls may be under: its own or its team's, its keys'.

    `teams` gives each team's plan.
    """
    own = consumer.plan or teams.get(consumer.team or "")
    return {plan for plan in (own, *(key.plan for key in consumer.keys)) if plan is not None}


def check_apart(draft: Draft, uses: Uses) -> None:
    """Complain about limits of one list that cannot be told apart."""
    beside: dict[tuple[Place, str], list[Limit]] = {}
    for limit in counting(uses.seen):
        beside.setdefault((limit.where, limit.policy), []).append(limit)
    for limits in beside.values():
        first: dict[str, Limit] = {}
        for limit in limits if len(limits) > 1 else ():
            other = first.setdefault(limit.config.identity, limit)
            if other is not limit:
                draft.complain(limit.place, _same(limit, other))


def _same(limit: Limit, other: Limit) -> str:
    message = f"it counts in the same place as `policies[{other.place[-2]}]`: "
    if "allow" not in limit.fields:
        return message + "leave one out, or give one of them a `name`"
    named = ", or give one of them a `name`" if "name" in limit.fields else ""
    return message + "put both in one `allow`" + named


def check_limits(
    complain: Callable[[Place, str], None],
    place: Place,
    consumer: Consumer,
    plans: Container[str],
    named: Sequence[Limit],
) -> None:
    """Complain about a consumer's own limits; `plans` are those it may be under."""
    concerning = [limit for limit in named if limit.plan is None or limit.plan in plans]
    for name, written in consumer.limits.items():
        meant = [limit for limit in concerning if limit.name == name]
        if not meant:
            complain((*place, name), _no_limit(name, named, concerning))
        for limit in meant:
            try:
                limit.config.check_own(written)
            except FieldFault as error:
                complain((*place, name, *error.part), str(error))
                break


def _no_limit(name: str, named: Sequence[Limit], concerning: Sequence[Limit]) -> str:
    elsewhere = [limit.plan for limit in named if limit.name == name]
    if elsewhere:
        return f"`{name}` is a limit of the plan `{elsewhere[0]}`, which is not this consumer's"
    known = sorted({limit.name for limit in concerning})
    names = ": " + ", ".join(f"`{one}`" for one in known) if known else ""
    return f"there is no limit `{name}`" + (hint(name, known) or f"; {EXPECTED}{names}")
