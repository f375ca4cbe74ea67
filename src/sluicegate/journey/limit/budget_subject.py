"""Whom a budget counts, as text for its counts and as what the ledger's entries have of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from sluicegate.model.resource import FieldFault

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

BETWEEN: Final = "\x1f"
"""Cannot be in a name, so no two combinations read the same."""
NOBODY: Final = "-"

Read = Callable[["Exchange"], "str | None"]


def _consumer(exchange: Exchange) -> str | None:
    return exchange.consumer_name


def _key(exchange: Exchange) -> str | None:
    return exchange.key_id


def team_of(exchange: Exchange) -> str | None:
    """Return the caller's team."""
    return None if exchange.consumer is None else exchange.consumer.team


def _plan(exchange: Exchange) -> str | None:
    return exchange.plan


def route_of(exchange: Exchange) -> str | None:
    """Return the route's name."""
    return None if exchange.route is None else exchange.route.name


def _model(exchange: Exchange) -> str | None:
    return None if exchange.call is None else exchange.call.alias


KINDS: Final[dict[str, Read]] = {
    "consumer": _consumer,
    "key": _key,
    "team": team_of,
    "plan": _plan,
    "route": route_of,
    "model": _model,
}
"""By the names of the fields of `model.ledger.Entry`."""


class BudgetSubject:
    """Reads subjects off exchanges. `kinds` are fields of an entry of the ledger."""

    __slots__ = ("_reads", "kinds")

    def __init__(self, kinds: Sequence[str]) -> None:
        """`kinds` are names of `KINDS`."""
        self.kinds = tuple(kinds)
        self._reads = [KINDS[kind] for kind in kinds]

    def __call__(self, exchange: Exchange) -> str:
        """Return the subject; never empty."""
        found = [read(exchange) for read in self._reads]
        return BETWEEN.join([NOBODY if name is None else "=" + name for name in found])

    def where(self, subject: str) -> dict[str, str | None]:
        """Return what entries of this subject have in which field."""
        parts = subject.split(BETWEEN)
        return {
            kind: None if part == NOBODY else part[1:]
            for kind, part in zip(self.kinds, parts, strict=True)
        }


def budget_subject(by: str | Sequence[str]) -> BudgetSubject:
    """Compile `by`. Raises FieldFault that names the kinds there are."""
    kinds = [by] if isinstance(by, str) else list(by)
    if not kinds:
        raise FieldFault(("by",), f"`by` is empty: write {_forms()}")
    for place, kind in enumerate(kinds):
        part: tuple[str | int, ...] = ("by",) if isinstance(by, str) else ("by", place)
        if kind not in KINDS:
            raise FieldFault(part, f"`{kind}` has no budget: write {_forms()}")
        if kind in kinds[:place]:
            raise FieldFault(part, f"`{kind}` is there more than once: write it once")
    return BudgetSubject(kinds)


def _forms() -> str:
    *forms, last = KINDS
    return f"{', '.join(forms)} or {last}"
