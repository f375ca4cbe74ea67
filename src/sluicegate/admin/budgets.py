"""/admin/v1/budgets: what budgets have counted, and whether that is what the ledger says.

A count that is there lives in the state; its limit is what the configuration has for it now. A
token of a team sees the budgets of that team, and of its consumers and keys.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
import structlog
from litestar import Controller, get, post
from litestar.params import QueryParameter

from sluicegate.admin.budget_places import Period, bounds_of, entries_of, period_of, read_place
from sluicegate.admin.cursors import CURSOR, cursor, read_cursor
from sluicegate.admin.identity import Caller, Controlled, Timed, require
from sluicegate.admin.instants import instant
from sluicegate.admin.problems import AGAIN
from sluicegate.admin.reach import Reach
from sluicegate.admin.reconciling import MOST_WAITING, Reconciled, Reconciliation
from sluicegate.admin.spreadsheet import usd
from sluicegate.errors import UNAVAILABLE, Refused, StateAway
from sluicegate.model.resource import Resource
from sluicegate.snapshot.budgets import limits_of
from sluicegate.store.of_region import OfRegion

if TYPE_CHECKING:
    from sluicegate.admin.control import Control
    from sluicegate.admin.identity import Who
    from sluicegate.clock import Clock
    from sluicegate.state.ledger import Ledger, Spent

TEXT: Final = r"^[ -~]{0,256}$(?!\n)"


class Budget(Resource, frozen=True, kw_only=True):
    """A budget of one subject in its present period. Money in nano-USD, and as dollars.

    `name` and `scope` say which policy's it is, `of` whose: fields of usage and their values.
    `held` is reserved by calls that are under way. `limit` is null where the configuration has
    this budget no more; `percent` of it are spent, rounded down.
    """

    place: str
    name: str
    scope: str
    of: Mapping[str, str | None]
    period: Period
    start: datetime
    end: datetime
    limit_nano_usd: int | None
    limit_usd: str | None
    spent_nano_usd: int
    spent_usd: str
    held_nano_usd: int
    held_usd: str
    percent: int | None


class BudgetList(Resource, frozen=True, kw_only=True):
    """Budgets; `next` is `after` of the page behind this one."""

    items: Sequence[Budget]
    next: str | None


class ReconciledBudget(Resource, frozen=True, kw_only=True):
    """What a budget has counted in its present period, beside the ledger; nano-USD.

    `stored` is what the store has, `waiting` what the state has to give to it. `difference` is
    what was counted and is not in the ledger. `busy`: calls have come all the time, so that no
    verdict was possible. `not_configured`: no policy has this budget now, so that calls are not
    charged to it. `repaired`: it was different, and the counts are right now.
    """

    place: str
    name: str
    scope: str
    of: Mapping[str, str | None]
    period: Period
    start: datetime
    counted_nano_usd: int
    stored_nano_usd: int
    waiting_nano_usd: int
    difference_nano_usd: int
    difference_usd: str
    verdict: Literal["equal", "different", "busy", "not_configured", "repaired"]


class ReconciledList(Resource, frozen=True, kw_only=True):
    """Every budget that was charged in its present period."""

    items: Sequence[ReconciledBudget]
    equal: int
    different: int
    busy: int
    not_configured: int
    repaired: int


class Budgets(Controller):
    """What budgets have counted."""

    path = "/budgets"
    tags = ("budgets",)

    @get(summary="What budgets have counted")
    async def listing(
        self,
        who: Caller,
        control: Controlled,
        clock: Timed,
        *,
        limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
        after: Annotated[str, QueryParameter(pattern=CURSOR, description="A page's `next`.")] = "",
        consumer: Annotated[
            str | None, QueryParameter(pattern=TEXT, description="Only those of this consumer.")
        ] = None,
        team: Annotated[
            str | None, QueryParameter(pattern=TEXT, description="Only those of this team.")
        ] = None,
        name: Annotated[
            str | None, QueryParameter(pattern=TEXT, description="Only policies of this name.")
        ] = None,
    ) -> BudgetList:
        """Return budgets that were ever charged, by their places and subjects."""
        require(who, "read", "budgets")
        behind = read_cursor(after, 3)
        async with _asking(control) as ledger:
            counts = sorted(await ledger.counts(), key=_key)
        wanted = {"consumer": consumer, "team": team}
        seen = _Seen(control, who)
        found: list[tuple[Spent, Mapping[str, str | None]]] = []
        for count in counts:
            if behind is not None and _key(count) <= behind:
                continue
            of = _of(count, wanted, name)
            if of is not None and await seen.sees(of):
                found.append((count, of))
                if len(found) > limit:
                    break
        more = cursor(_key(found[limit - 1][0])) if len(found) > limit else None
        limits = _Limits(control)
        now_us = clock.wall_us()
        return BudgetList(
            items=[await _shown(count, of, limits, now_us) for count, of in found[:limit]],
            next=more,
        )

    @get("/reconciliation", summary="Whether what budgets have counted is what the ledger says")
    async def compare(self, who: Caller, control: Controlled, clock: Timed) -> ReconciledList:
        """Compare every budget with the ledger, while calls go on. Changes nothing."""
        require(who, "read", "reconciliation")
        return _listed(await _compared(control, clock), ())

    @post("/reconciliation", summary="Make what budgets have counted what the ledger says",
          status_code=200)  # fmt: skip
    async def repair(self, who: Caller, control: Controlled, clock: Timed) -> ReconciledList:
        """Compare, and put right the counts that are different; the ledger is never changed."""
        require(who, "write", "reconciliation")
        found = await _compared(control, clock)
        wrong = [each for each in found if each.verdict == "different"]
        async with _asking(control) as ledger:
            right = await Reconciliation(ledger, _here(control), clock).repair(wrong)
        for each in right:
            structlog.get_logger().warning(
                "the counts of a budget were put right", audit=True, who=who.name, via=who.via,
                place=each.place, subject=each.subject, label=each.label,
                counted=each.spent, ledger=each.stored + each.waiting,
            )  # fmt: skip
        return _listed(found, right)


@asynccontextmanager
async def _asking(control: Control) -> AsyncIterator[Ledger]:
    """Give the state's side of the ledger. Raises Refused (503) where it cannot be asked."""
    if control.ledger is None:
        raise Refused(UNAVAILABLE, "the state has not been read yet", AGAIN)
    try:
        yield control.ledger
    except StateAway:
        raise Refused(UNAVAILABLE, "the state cannot be asked now", AGAIN) from None


async def _compared(control: Control, clock: Clock) -> list[Reconciled]:
    async with _asking(control) as ledger:
        waiting, _ = await ledger.waiting()
        if waiting > MOST_WAITING:
            detail = f"{waiting} entries wait for the store, which has to catch up first"
            raise Refused(UNAVAILABLE, detail, AGAIN)
        runs = control.budgets()
        return await Reconciliation(ledger, _here(control), clock, runs).compare()


class _Seen:
    """Which budgets exist for a caller."""

    def __init__(self, control: Control, who: Who) -> None:
        self._reach = Reach(control, who)
        self._who = who
        self._consumers: frozenset[str] | None = None

    async def sees(self, of: Mapping[str, str | None]) -> bool:
        """Say whether what belongs to these is the caller's to see."""
        if self._who.team is None or of.get("team") == self._who.team:
            return True
        consumer, key = of.get("consumer"), of.get("key")
        if consumer is not None:
            if self._consumers is None:
                self._consumers = frozenset(await self._reach.owners("key", None) or ())
            return consumer in self._consumers
        return key is not None and await self._reach.living("key", key) is not None


class _Limits:
    """What budgets allow now: those of policies, and consumers' own."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._terms = control.budgets()
        self._own: dict[str, Mapping[str, list[str]]] = {}

    async def of(self, place: str, of: Mapping[str, str | None]) -> Mapping[str, int]:
        """Return nano-USD by period. Raises StoreAway."""
        terms = self._terms.get(place)
        if terms is None:
            return {}
        consumer = of.get("consumer")
        own = None if consumer is None else (await self._limits(consumer)).get(terms.name)
        return limits_of(terms, own)

    async def _limits(self, consumer: str) -> Mapping[str, list[str]]:
        if consumer not in self._own:
            spec = self._control.declared("consumer").get(consumer)
            if consumer not in self._control.declared("consumer"):
                head = await self._control.store.head("consumer", consumer)
                content = None if head is None else head.content
                spec = msgspec.json.decode(content or b"{}")
            self._own[consumer] = (spec or {}).get("limits") or {}
        return self._own[consumer]


def _key(count: Spent) -> tuple[str, str, str]:
    return count.place, count.subject, count.label


def _of(
    count: Spent, wanted: Mapping[str, str | None], name: str | None
) -> Mapping[str, str | None] | None:
    """Return whose a count is; None where it is not wanted, or none of a budget."""
    read, of = read_place(count.place), entries_of(count.place, count.subject)
    if read is None or of is None or period_of(count.label) is None:
        return None
    if name is not None and read.name != name:
        return None
    fits = all(value is None or of.get(kind) == value for kind, value in wanted.items())
    return of if fits else None


async def _shown(
    count: Spent, of: Mapping[str, str | None], limits: _Limits, now_us: int
) -> Budget:
    """Show a count; what was counted in a period that is over is nothing in this one."""
    read, period = read_place(count.place), period_of(count.label) or "month"
    start_us, end_us = bounds_of(period, now_us)
    present = count.start_us >= start_us
    spent, held = (count.spent, count.held) if present else (0, 0)
    limit = (await limits.of(count.place, of)).get(period)
    return Budget(
        place=count.place,
        name="" if read is None else read.name,
        scope="" if read is None else read.scope,
        of=of,
        period=period,
        start=instant(start_us),
        end=instant(end_us),
        limit_nano_usd=limit,
        limit_usd=None if limit is None else usd(limit),
        spent_nano_usd=spent,
        spent_usd=usd(spent),
        held_nano_usd=held,
        held_usd=usd(held),
        percent=None if not limit else spent * 100 // limit,
    )


def _listed(found: Sequence[Reconciled], right: Sequence[Reconciled]) -> ReconciledList:
    done = {_key_of(each) for each in right}
    items = [_compared_shown(each, repaired=_key_of(each) in done) for each in found]
    verdicts = [item.verdict for item in items]
    return ReconciledList(
        items=items,
        equal=verdicts.count("equal"),
        different=verdicts.count("different"),
        busy=verdicts.count("busy"),
        not_configured=verdicts.count("not_configured"),
        repaired=verdicts.count("repaired"),
    )


def _key_of(each: Reconciled) -> tuple[str, str, str]:
    return each.place, each.subject, each.label


def _compared_shown(each: Reconciled, *, repaired: bool) -> ReconciledBudget:
    read = read_place(each.place)
    return ReconciledBudget(
        place=each.place,
        name="" if read is None else read.name,
        scope="" if read is None else read.scope,
        of=entries_of(each.place, each.subject) or {},
        period=period_of(each.label) or "month",
        start=instant(each.start_us),
        counted_nano_usd=each.spent,
        stored_nano_usd=each.stored,
        waiting_nano_usd=each.waiting,
        difference_nano_usd=each.difference,
        difference_usd=usd(each.difference),
        verdict="repaired" if repaired else each.verdict,
    )


def _here(control: Control) -> OfRegion:
    """Return what the ledger has of this region, whose state is compared with it."""
    return OfRegion(control.store.ledger, control.region)
