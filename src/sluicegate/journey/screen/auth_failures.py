"""`auth_failures`: how often an address may show a wrong key, or none where one is needed.

Counted are answers 401 of the gateway's own; those of targets are not. Who has not failed costs the
state no question. A worker learns that an address has used up its failures when it charges one: so
each worker lets one more through, beside those that are under way at that moment, and then refuses
the address before its key is looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, field

from sluicegate.errors import ABNORMAL_USAGE, UNAUTHENTICATED, Refused, StateAway
from sluicegate.journey.limit.announcement import digits, seconds
from sluicegate.journey.limit.subjects import ip
from sluicegate.journey.limit.terms import PrefixV4, PrefixV6, Terms
from sluicegate.model.resource import FieldFault
from sluicegate.policy import PolicyConfig
from sluicegate.state.contract import Ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts
    from sluicegate.state.contract import Outcome


def _usual() -> list[str]:
    return ["10/minute"]


class Config(PolicyConfig, frozen=True, kw_only=True):
    """How many failures, and of whom.

    The address is the client's as far as `gateway.trusted_proxies` are believed.
    """

    allow: Annotated[
        list[str],
        Meta(min_length=1, description="Failures, written as in `rate_limit`; all must admit."),
    ] = field(default_factory=_usual)
    prefix_v4: PrefixV4 = 32
    prefix_v6: PrefixV6 = 64
    away: Annotated[
        Literal["share", "local", "allow"],
        Meta(
            description="While the state does not answer: `share` (each worker counts up to its "
            "part), `local` (up to all of it) or `allow` (not at all)."
        ),
    ] = "share"

    def __post_init__(self) -> None:
        """Refuse what cannot be read or counted."""
        terms = self.terms()
        terms.check()
        for place, one in enumerate(terms.read(self.allow, "allow")):
            if one.kind == "leaky":
                message = f"failures are refused, none waits: write `{one.plain}` without `delay`"
                raise FieldFault(("allow", place), message)

    def terms(self) -> Terms:
        """Return what the limits are made of."""
        by = f"auth_failures/{self.prefix_v4},{self.prefix_v6}"
        return Terms(self.allow, by, "failures", away=self.away)

    @property
    def identity(self) -> str:
        """What tells its counts from those of other policies at the same place."""
        return self.terms().identity


class Policy:
    """Charges failures after the answer, and refuses who has used them up."""

    __slots__ = (
        "_away", "_clock", "_counters", "_degraded", "_failures", "_limits", "_prefix", "_state",
    )  # fmt: skip

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare the limits."""
        self._prefix = prefix = ip.prefix(config.prefix_v4, config.prefix_v6)
        rule = config.terms().rule(parts, lambda exchange: prefix(exchange.request.client_ip))
        self._limits = rule.limits
        self._counters = rule.counters
        self._failures = parts.metrics.family(
            "sluicegate_authentication_failures_total",
            "counter",
            "Answers 401 that were charged to the address they went to, by place.",
            ("scope",),
        ).cell(parts.scope)
        self._state = parts.state
        self._away = parts.away
        self._degraded = config.away
        self._clock = parts.clock

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Refuse who is known to have failed too often; else go on and look how it ends."""
        subject = self._prefix(exchange.request.client_ip)
        known = self._limits.refusals.find(subject, self._clock.monotonic())
        if known is not None:
            self._refuse(exchange, known)
            return
        try:
            await onward(exchange)
        except Refused as refused:
            if refused.problem is UNAUTHENTICATED:
                await self._charge(subject)
            raise
        if exchange.problem is UNAUTHENTICATED:
            await self._charge(subject)

    def _refuse(self, exchange: Exchange, outcomes: Sequence[Outcome]) -> None:
        violated = []
        wait_us = 0
        for place, outcome in enumerate(outcomes):
            if not outcome.admitted:
                violated.append(self._limits.names[place])
                self._counters.refused[place].value += 1
                wait_us = max(wait_us, outcome.retry_after_us)
        retry = ((b"retry-after", digits(seconds(wait_us))),)
        detail = "too many requests from this address had no valid key"
        exchange.refuse(ABNORMAL_USAGE, detail, retry, {"violated-policies": violated})

    async def _charge(self, subject: str) -> None:
        """Count a failure, and remember what was said where none is left."""
        self._failures.value += 1
        asked_at = self._clock.monotonic()
        ask = Ask(self._limits.group, subject)
        try:
            verdict = await self._state.take([ask])
        except StateAway:
            self._counters.degraded.value += 1
            if self._degraded == "allow":
                return
            ask = self._away.part(ask) if self._degraded == "share" else ask
            verdict = await self._away.state.take([ask])
        if not verdict.admitted:
            self._limits.refusals.remember(subject, verdict.outcomes, asked_at)
