"""Takes from all limits of a request at once, all or nothing: the running part of their policies.

What has to be asked of the state is one call, whatever policies it comes from. Before it, refusals
that still hold are answered from memory, and leased limits are spent from the blocks at hand; what
was spent is put back when another limit refuses. While the state is away each rule does what its
`away` says. After the request, what was reserved is settled and slots are freed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Final

from sluicegate.errors import QUOTA_EXCEEDED, REDUCED_CAPACITY, StateAway
from sluicegate.journey.limit import amount
from sluicegate.journey.limit.announcement import Announcement, digits, seconds
from sluicegate.journey.limit.budgeting import Budgeting
from sluicegate.journey.limit.settlement import Settlement
from sluicegate.journey.limit.wishing import Wish, share_out
from sluicegate.state.contract import NEVER, Ask, LimitState

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.cost import Heard, Reading
    from sluicegate.journey.limit.lease import Spent
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.policy import Onward, Parts

SECOND_US: Final = 1_000_000
DENIED = ((b"retry-after", b"1"),)


class Limiter:
    """Limits that a request is under together, of one stage of one chain."""

    __slots__ = (
        "_aside", "_away", "_budgeting", "_clock", "_delays", "_exact_only", "_gives_back",
        "_lent_alone", "_remembers", "_rules", "_state", "_ticket",
    )  # fmt: skip

    def __init__(self, rules: Sequence[Rule], parts: Parts) -> None:
        """Take `rules` together."""
        self._rules = tuple(rules)
        self._state = parts.state
        self._away = parts.away
        self._clock = parts.clock
        self._aside = parts.aside
        self._ticket = parts.ticket
        self._gives_back = any(rule.cost or rule.holding for rule in rules)
        self._exact_only = all(rule.limits.leases is None for rule in rules)
        self._budgeting: Budgeting | None = None
        if any(rule.wanted is not None for rule in rules):
            self._budgeting = Budgeting(parts)
        self._lent_alone: Rule | None = None
        if len(rules) == 1 and not self._exact_only and not rules[0].shadow:
            self._lent_alone = rules[0]
        self._remembers = not self._gives_back and not parts.state.several
        self._delays = any(
            limit.algorithm.code == "leaky" for rule in rules for limit in rule.limits.group.limits
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Take, then go on or refuse; either way the response says what is left."""
        rule = self._lent_alone
        if rule is not None:
            consumer = exchange.consumer
            leases = rule.limits.leases
            if leases is not None and (consumer is None or not consumer.limits):
                spent = leases.spend(rule.subject(exchange))
                if spent is not None and spent.admitted:  # nobody has to be asked or waited for
                    exchange.on_head(Announcement(rule.limits, spent.outcomes, "").write)
                    rule.counters.admitted.value += 1
                    return onward(exchange)
                return self._handle(exchange, onward, (spent,))
        return self._handle(exchange, onward, ())

    async def _handle(
        self, exchange: Exchange, onward: Onward, tried: tuple[Spent | None, ...]
    ) -> None:
        """Do what may have to wait. `tried` is what spending gave, where that was tried."""
        wishes = self._wishes(exchange)
        asked_at = self._clock.monotonic()
        ticket = self._ticket() if self._gives_back else ""
        keeper: LimitState | None = self._state
        if not self._recalled(wishes, asked_at) and (
            self._exact_only or await self._spend(wishes, tried)
        ):
            keeper = await self._take(exchange, wishes, ticket)
        if not self._judge(exchange, wishes, asked_at):
            return
        if not self._gives_back or (keeper is None and self._budgeting is None):
            _watch_uncounted(exchange, wishes, {})
            if self._delays:
                await self._wait(wishes)
            await onward(exchange)
            return
        await self._held(exchange, onward, wishes, ticket, keeper or self._state)

    # --- before ----------

    def _wishes(self, exchange: Exchange) -> list[Wish]:
        consumer = exchange.consumer
        overrides = None if consumer is None else consumer.limits
        wishes: list[Wish] = []
        for rule in self._rules:
            limits = rule.limits_of(overrides) if overrides else rule.limits
            cost = 1 if rule.cost is None else rule.cost.reserve(exchange)
            wishes.append(Wish(rule, limits, Ask(limits.group, rule.subject(exchange), cost)))
        return wishes

    def _recalled(self, wishes: list[Wish], now: float) -> bool:
        """Say whether a refusal is known that still holds, and note what it said."""
        if not self._remembers:
            return False
        found = False
        for wish in wishes:
            if wish.rule.remembers:
                outcomes = wish.limits.refusals.find(wish.ask.subject, now)
                if outcomes is not None:
                    wish.outcomes = outcomes
                    found = True
        return found

    async def _spend(self, wishes: list[Wish], tried: tuple[Spent | None, ...]) -> bool:
        """Spend from leased blocks; False where one of them refuses."""
        for wish in wishes:
            leases = wish.limits.leases
            if leases is None:
                continue
            spent = tried[0] if tried else leases.spend(wish.ask.subject)
            if spent is None:
                try:
                    spent = await leases.refill(wish.ask.subject)
                except StateAway:
                    continue
                except asyncio.CancelledError:
                    _put_back(wishes)
                    raise
            if spent is None:
                continue
            wish.spent = spent
            wish.outcomes = spent.outcomes
            if not spent.admitted and not wish.rule.shadow:
                return False
        return True

    async def _take(self, exchange: Exchange, wishes: list[Wish], ticket: str) -> LimitState | None:
        """Ask for everything that was not lent; return who keeps it, None where nobody does."""
        asked = wishes if self._exact_only else [wish for wish in wishes if wish.spent is None]
        if not asked:
            return None
        asks = [wish.ask for wish in asked]
        try:
            if self._budgeting is not None:
                asked = await self._budgeting.take(exchange, asked, ticket)
                return self._state if asked else None
            verdict = await self._state.take(asks, ticket)
        except StateAway:
            if self._budgeting is not None:  # it may have been taken, only too late
                self._settle(self._state, asks, ticket, [0] * len(asks))
            return await self._take_away(asked, ticket)
        except asyncio.CancelledError:
            _put_back(wishes)
            if ticket:  # it may have been taken: whoever asked is gone
                self._settle(self._state, asks, ticket, [0] * len(asks))
            raise
        share_out(asked, verdict.outcomes)
        if not self._exact_only:
            for wish in asked:
                if wish.limits.leases is not None:
                    wish.limits.leases.heard(wish.ask.subject, wish.outcomes)
        return self._state

    async def _take_away(self, asked: list[Wish], ticket: str) -> LimitState | None:
        """Do what each rule's `away` says."""
        counted: list[Wish] = []
        for wish in asked:
            if not wish.degraded:
                wish.degraded = wish.rule.away
                wish.rule.counters.degraded.value += 1
            if wish.degraded in {"share", "local"}:
                counted.append(wish)
            wish.late = wish.ask.group.spends
        if not counted or any(w.degraded == "deny" and not w.rule.shadow for w in asked):
            return None
        for wish in counted:
            if wish.degraded == "share":  # settled by the same part: another refills faster
                wish.ask = self._away.part(wish.ask)
        asks = [wish.ask for wish in counted]
        verdict = await self._away.state.take(asks, ticket)
        share_out(counted, verdict.outcomes)
        return self._away.state

    # --- decided ----------

    def _judge(self, exchange: Exchange, wishes: list[Wish], asked_at: float) -> bool:
        """Count, remember, and say what is left; answer where anything refuses."""
        refusing: list[Wish] = []
        denied = False
        _announce(exchange, wishes)
        for wish in wishes:
            rule = wish.rule
            refused = wish.refused
            if rule.shadow:
                if refused:
                    _count(wish)
                continue
            if refused:
                _count(wish)
                refusing.append(wish)
                if self._remembers and wish.lasts:
                    wish.limits.refusals.remember(wish.ask.subject, wish.outcomes, asked_at)
            elif wish.degraded == "deny":
                denied = True
        if not refusing and not denied:
            for wish in wishes:
                wish.rule.counters.admitted.value += 1
            return True
        _put_back(wishes)
        if refusing:
            self._refuse(exchange, refusing)
        else:
            exchange.refuse(REDUCED_CAPACITY, "limits cannot be counted at the moment", DENIED)
        return False

    def _refuse(self, exchange: Exchange, refusing: list[Wish]) -> None:
        violated: list[str] = []
        wait_us = 0
        first = never = ""
        for wish in refusing:
            limits = wish.limits
            for name, text, outcome in zip(limits.names, limits.texts, wish.outcomes, strict=True):
                if outcome.admitted:
                    continue
                violated.append(name)
                if outcome.retry_after_us == NEVER:
                    never = never or _too_much(text, wish.ask)
                elif outcome.retry_after_us > wait_us or not first:
                    wait_us, first = outcome.retry_after_us, text
        members = {"violated-policies": violated}
        if never:
            exchange.refuse(QUOTA_EXCEEDED, never, members=members)
            return
        retry = ((b"retry-after", digits(seconds(wait_us))),)
        exchange.refuse(QUOTA_EXCEEDED, f"the limit of {first} is used up", retry, members)

    async def _wait(self, wishes: list[Wish]) -> None:
        """Wait as long as a leaky bucket wants."""
        wait_us = 0
        for wish in wishes:
            if not wish.rule.shadow:
                for outcome in wish.outcomes:
                    wait_us = max(wait_us, outcome.retry_after_us)
        if wait_us > 0:
            await self._clock.sleep(wait_us / SECOND_US)

    # --- after ----------

    async def _held(
        self,
        exchange: Exchange,
        onward: Onward,
        wishes: list[Wish],
        ticket: str,
        keeper: LimitState,
    ) -> None:
        """Go on, and give back afterwards what is to be given back, whatever happens."""
        held = [wish for wish in wishes if wish.outcomes and wish.spent is None]
        late = [wish for wish in wishes if wish.late]
        heard: Heard = {}
        _watch_uncounted(exchange, wishes, heard)
        readings: list[Reading | None] = []
        for wish in held:
            rule = wish.rule
            readings.append(None if rule.cost is None else rule.cost.watch(exchange, heard))
            if rule.holding is not None and not wish.refused:
                rule.holding.hold(keeper, wish.ask, ticket)
        try:
            if self._delays:
                await self._wait(wishes)
            await onward(exchange)
        finally:
            costs: list[int] = []
            for wish, reading in zip(held, readings, strict=True):
                if wish.rule.holding is not None:
                    wish.rule.holding.let_go(ticket)
                costs.append(_actual(exchange, wish, reading))
            asks = [wish.ask for wish in held]
            if self._budgeting is not None and exchange.call is not None:
                self._leave(exchange, keeper, Settlement(keeper, asks, ticket, costs), late)
            elif asks:
                self._settle(keeper, asks, ticket, costs)

    def _leave(
        self, exchange: Exchange, keeper: LimitState, settlement: Settlement, late: list[Wish]
    ) -> None:
        """Leave what is to be settled to who writes the line of the ledger."""
        if keeper is not self._state:
            if settlement.asks:
                self._settle(keeper, settlement.asks, settlement.ticket, settlement.costs)
            settlement = Settlement(self._state, [], settlement.ticket, [])
        if late:
            cost = 0 if exchange.call is None else exchange.call.cost or 0
            asks = [*settlement.asks, *(wish.ask for wish in late)]
            costs = [*settlement.costs, *(cost for _ in late)]
            settlement = Settlement(self._state, asks, settlement.ticket, costs)
        exchange.settlement = settlement

    def _settle(
        self, keeper: LimitState, asks: Sequence[Ask], ticket: str, costs: Sequence[int]
    ) -> None:
        """Give back beside the exchange, whose answer must not wait for it."""
        task = asyncio.get_running_loop().create_task(self._settled(keeper, asks, ticket, costs))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _settled(
        self, keeper: LimitState, asks: Sequence[Ask], ticket: str, costs: Sequence[int]
    ) -> None:
        try:
            await keeper.settle(asks, ticket, costs)
        except StateAway:
            for rule in self._rules:
                if rule.cost is not None:
                    rule.counters.unsettled.value += 1


def _announce(exchange: Exchange, wishes: list[Wish]) -> None:
    """Have the response say all of it, in one hook."""
    first: Announcement | None = None
    for wish in reversed(wishes):
        if not wish.rule.shadow:
            first = Announcement(wish.limits, wish.outcomes, wish.degraded, first)
    if first is not None:
        exchange.on_head(first.write)


def _count(wish: Wish) -> None:
    for cell, outcome in zip(wish.rule.counters.refused, wish.outcomes, strict=False):
        if not outcome.admitted:
            cell.value += 1


def _put_back(wishes: list[Wish]) -> None:
    """Return to the blocks what was spent from them."""
    for wish in wishes:
        if wish.spent is not None:
            wish.spent.put_back()


def _watch_uncounted(exchange: Exchange, wishes: list[Wish], heard: Heard) -> None:
    """Watch what was let through uncounted too: a header that says a cost goes no further."""
    for wish in wishes:
        if wish.rule.cost is not None and not wish.outcomes:
            wish.rule.cost.watch(exchange, heard)


def _actual(exchange: Exchange, wish: Wish, reading: Reading | None) -> int:
    """Return what is to be settled: what it cost, or what was reserved where nobody knows."""
    actual = wish.ask.cost if reading is None else reading.actual(exchange)
    if actual is None:
        wish.rule.counters.unsettled.value += 1
        return wish.ask.cost
    return actual


def _too_much(limit: str, ask: Ask) -> str:
    """Say that a limit never holds what is asked; of a budget, how much that is and what helps."""
    said = f"the limit of {limit} never holds what this request costs"
    if not ask.group.spends:
        return said
    cost = amount.write(ask.cost, "usd")
    return f"{said}, up to {cost} USD: bound its answer, as with `max_tokens`, or ask for less"
