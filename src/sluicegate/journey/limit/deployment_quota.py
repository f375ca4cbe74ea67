"""The limits of a deployment: what its provider lets us have, counted over all replicas.

The same engine as the limits of callers, asked by dispatch: a deployment that has nothing left
refuses nobody, another one is asked. So nothing of it is announced to callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sluicegate.errors import StateAway
from sluicegate.journey.limit.concurrency import Config as ConcurrencyConfig
from sluicegate.journey.limit.concurrency import slots_rule
from sluicegate.journey.limit.terms import Terms
from sluicegate.state.contract import NEVER, Ask

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.model.model import Deployment
    from sluicegate.policy import Parts
    from sluicegate.state.contract import LimitState, Outcome

SECOND_US: Final = 1_000_000
BELIEVED_S: Final = 1.0
"""As for refusals of callers: counts that somebody has reset are felt within a second."""
BY: Final = "deployment"


class Slot:
    """What one call has taken. `release` gives slots back; what was counted stays counted."""

    __slots__ = ("_asks", "_keeper", "_quota", "_ticket")

    def __init__(
        self, quota: DeploymentQuota, keeper: LimitState | None, asks: list[Ask], ticket: str
    ) -> None:
        """`keeper` is who keeps the slots, None where there are none."""
        self._quota = quota
        self._keeper = keeper
        self._asks = asks
        self._ticket = ticket

    def release(self) -> None:
        """Free the slot, beside whatever comes next. Once."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            self._quota.free(keeper, self._asks, self._ticket)


class DeploymentQuota:
    """The limits of one deployment. A `Quota` of `upstream.models.deployment`."""

    __slots__ = (
        "_again_at", "_aside", "_away", "_clock", "_full_until", "_state", "_ticket", "_tickets",
        "rules", "scope",
    )  # fmt: skip

    def __init__(self, rules: Sequence[Rule], scope: str, parts: Parts) -> None:
        """`scope` is the place of the rules, and what all calls are counted for."""
        self.rules: Sequence[Rule] = tuple(rules)
        self.scope = scope
        self._state = parts.state
        self._away = parts.away
        self._clock = parts.clock
        self._aside = parts.aside
        self._ticket = parts.ticket
        self._tickets = any(rule.holding is not None for rule in rules)
        self._again_at = 0.0
        self._full_until = 0.0

    async def admit(self, exchange: Exchange) -> Slot | None:  # noqa: ARG002 - one subject for all
        """Take from all limits; None where one has nothing left, and nothing was taken.

        While the state is away a worker takes its part of them; see `Away`.
        """
        now = self._clock.monotonic()
        if now < self._again_at:
            return None
        asks = [Ask(rule.limits.group, self.scope) for rule in self.rules]
        ticket = self._ticket() if self._tickets else ""
        keeper = self._state
        try:
            verdict = await keeper.take(asks, ticket)
        except StateAway:
            asks = [self._away.part(ask) for ask in asks]
            keeper = self._away.state
            verdict = await keeper.take(asks, ticket)
            for rule in self.rules:
                rule.counters.degraded.value += 1
        except asyncio.CancelledError:
            if ticket:  # it may have been taken: whoever asked is gone
                self.free(keeper, asks, ticket)
            raise
        if not verdict.admitted:
            self._refused(verdict.outcomes, now)
            return None
        self._full_until = 0.0
        for rule, ask in zip(self.rules, asks, strict=True):
            rule.counters.admitted.value += 1
            if rule.holding is not None:
                rule.holding.hold(keeper, ask, ticket)
        return Slot(self, keeper if self._tickets else None, asks, ticket)

    def retry_after_s(self, now: float) -> float:
        """Return in how many seconds there is something again, as far as is known."""
        return max(0.0, self._full_until - now)

    def free(self, keeper: LimitState, asks: list[Ask], ticket: str) -> None:
        """Free slots beside whatever comes next; what was counted stays so."""
        for rule in self.rules:
            if rule.holding is not None:
                rule.holding.let_go(ticket)
        task = asyncio.get_running_loop().create_task(_settle(keeper, asks, ticket))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    def _refused(self, outcomes: Sequence[Outcome], asked_at: float) -> None:
        """Count, and do not ask again before there can be anything. Slots may be free at once."""
        at = 0
        self._full_until = 0.0  # of now, not of before somebody has reset the counts
        for rule in self.rules:
            for cell in rule.counters.refused:
                outcome = outcomes[at]
                at += 1
                if outcome.admitted:
                    continue
                cell.value += 1
                wait_us = outcome.retry_after_us
                if rule.holding is None and wait_us != NEVER:
                    wait_s = wait_us / SECOND_US
                    self._full_until = max(self._full_until, asked_at + wait_s)
                    self._again_at = max(self._again_at, asked_at + min(BELIEVED_S, wait_s))


def deployment_quota(
    model: str, config: Deployment, name: str, parts: Parts
) -> DeploymentQuota | None:
    """Build the limits of the deployment `name` of `model`; None where it has none.

    Raises FieldFault at what `allow` does not say as `rate_limit` would.
    """
    scope = f"model:{model}:{name}"
    here = replace(parts, scope=scope)
    rules: list[Rule] = []
    if config.allow:
        terms = Terms(config.allow, BY)
        terms.check()
        rules.append(terms.rule(here, lambda _: scope))
    if config.concurrent is not None:
        rules.append(slots_rule(ConcurrencyConfig(limit=config.concurrent), here, lambda _: scope))
    return DeploymentQuota(rules, scope, parts) if rules else None


async def _settle(keeper: LimitState, asks: list[Ask], ticket: str) -> None:
    try:
        await keeper.settle(asks, ticket, [ask.cost for ask in asks])
    except StateAway:
        return  # slots end by themselves
