"""One provider's model behind a name, as one worker sees it: how it is doing, who may call it.

A deployment that fails rests for a while, on all replicas. What it asked for by `Retry-After` holds
at once, and so does a 429 or a key that is not taken; other failures hold once several came in a
row. What is wrong with a single request (a field, its length, what it says) is nobody's failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import structlog

from sluicegate.llm.failure import CallError
from sluicegate.llm.prices import configured
from sluicegate.upstream.latency import Latency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.clock import Clock, Timer
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.price_book import PriceBook
    from sluicegate.llm.prices import Tariff
    from sluicegate.model.model import Cooldown
    from sluicegate.model.model import Deployment as DeploymentConfig
    from sluicegate.upstream.models.cooldowns import Cooldowns
    from sluicegate.upstream.provider_link import ProviderLink

LIMITED: Final = "rate_limited"
"""Rests because the provider said that it had enough of us."""
REFUSED: Final = "authentication"
"""Rests because the provider does not take our credentials."""
FAILING: Final = "failing"
"""Rests because of several failures in a row; the last to be asked while all rest."""
REASONS: Final = (LIMITED, REFUSED, FAILING)

AT_ONCE: Final = {"rate_limited": LIMITED, "quota": LIMITED, "authentication": REFUSED}
IN_A_ROW: Final = frozenset(
    {
        "server_error",
        "overloaded",
        "bad_answer",
        "timeout",
        "unreachable",
        "not_found",
        "permission",
    }
)
"""The last two may be the fault of one request (a file that is not there, a beta feature): hence
not at once."""
ASKED_BY_NAME: Final = frozenset({"not_found", "permission"})
"""Where callers choose the provider's model by name, these say nothing of the deployment."""


OURS: Final = frozenset({"rate_limited", "not_found"})
"""Found by the gateway: a limit of ours, an object that is not the caller's. Nobody was asked."""
NEWS_S: Final = 0.05
"""Marks are rounded and take time to travel: that much more of a rest is no news."""


class Held(Protocol):
    """What a call has taken of a deployment's limits."""

    def release(self) -> None:
        """Give back what is given back at the end of a call. Harmless a second time."""


class Quota(Protocol):
    """The limits of a deployment: what its provider lets us have. `scope` is their place."""

    scope: str
    rules: Sequence[Rule]

    async def admit(self, exchange: Exchange) -> Held | None:
        """Take from all of them; None where one has nothing left, and nothing was taken."""

    def retry_after_s(self, now: float) -> float:
        """Return in how many seconds `admit` may succeed again, 0 where nothing was refused."""


class NothingHeld:
    """What is held of a deployment without limits."""

    __slots__ = ()

    def release(self) -> None:
        """Do nothing."""


UNLIMITED: Final = NothingHeld()


class Deployment:
    """What a model chooses from; see `balance.TargetLike`.

    `name` is unique in its model, and the same in every worker and replica; `label` is that name
    for balancers. `in_flight` counts this worker's calls. `available` says that it is not resting.
    """

    __slots__ = (
        "_clock", "_cooldown", "_cooldowns", "_failures", "_prefix", "_prices", "_tariff", "_timer",
        "available", "config", "in_flight", "label", "latency", "link", "model", "name", "quota",
        "region", "rests_for", "rests_until", "weight",
    )  # fmt: skip

    def __init__(
        self,
        model: str,
        config: DeploymentConfig,
        link: ProviderLink,
        clock: Clock,
        cooldown: Cooldown,
        cooldowns: Cooldowns,
        quota: Quota | None,
        *,
        prices: PriceBook,
    ) -> None:
        """`model` is the name of the model that it belongs to, with `*` where that has one.

        `prices` are those of vendors, for where the configuration says none.
        """
        self._prices = prices
        self._tariff = None if config.price is None else configured(config.price)
        self.model = model
        self.config = config
        self.name = deployment_name(model, config)
        self.label = self.name
        self.link = link
        self.weight = config.weight
        self.region = config.region
        self.latency = Latency()
        self.in_flight = 0
        self.available = True
        self.rests_until = 0.0
        self.rests_for = ""
        self._failures = 0
        self._prefix = model[:-1] if model.endswith("*") else None
        self._clock = clock
        self._cooldown = cooldown
        self._cooldowns = cooldowns
        self.quota = quota
        self._timer: Timer | None = None

    def model_for(self, asked: str) -> str:
        """Return what the provider calls what was asked for by this name.

        `asked` matters where the model's name ends in `*` only. Of a fallback it is the name that
        stands there, not the one that the client asked for.
        """
        wanted = self.config.model
        prefix = self._prefix
        if prefix is None:
            return wanted or self.model
        if wanted is None:
            return asked
        return wanted.replace("*", asked.removeprefix(prefix), 1)

    def tariff(self, asked: str) -> Tariff | None:
        """Return the prices of what was asked for by this name; None where nobody knows."""
        tariff = self._tariff
        if tariff is None:
            tariff = self._prices.find(self.link.config.kind, self.model_for(asked))
            if tariff is None:
                self._complain()
                return None
            if self._prefix is None:
                self._tariff = tariff
        return tariff

    def admitted_us(self, call: ModelCall) -> int:
        """Return when a call was admitted, in UTC microseconds: now, where nobody has said it.

        The prices of then go for all of it: what was reserved is settled by the same ones, and in
        the period of a budget that it was reserved in, however long an answer takes.
        """
        if not call.at_us:
            call.at_us = self._clock.wall_us()
        return call.at_us

    def speaks(self, asked: str, dialect: str) -> str:
        """Return the dialect in which a call of `dialect` goes on; empty where in none."""
        try:
            return self.link.dialect_for(self.model_for(asked), dialect, self.config.dialect)
        except CallError:
            return ""

    def _complain(self) -> None:
        """Say once that prices cannot be read, where that is why none is known."""
        why, self._prices.fault = self._prices.fault, ""
        if why:
            structlog.get_logger().error("prices of vendors cannot be read", why=why)

    # --- a call ----------

    async def admit(self, exchange: Exchange) -> Held | None:
        """Take from its limits; None where they have nothing left. Release what is held."""
        return UNLIMITED if self.quota is None else await self.quota.admit(exchange)

    def began(self) -> None:
        """Take notice that a call begins. `ended` must follow, whatever happens."""
        self.in_flight += 1

    def answered(self, first_token_s: float, now: float) -> None:
        """Take notice of the first token, or of the head of a whole answer; `now` monotonic."""
        self.latency.observe(first_token_s, now)

    def failed(self, failure: Failure, now: float, elapsed_s: float = 0.0) -> None:
        """Take notice of a failure, before or after the first token, `elapsed_s` into the call."""
        kind = failure.kind
        if failure.ours and kind in OURS:
            return
        reason = AT_ONCE.get(kind, "")
        if not reason:
            if kind not in IN_A_ROW or (self._prefix is not None and kind in ASKED_BY_NAME):
                return
            self._failures += 1
            if failure.retry_after_s:
                reason = LIMITED
            elif self._failures >= self._cooldown.failures:
                reason = FAILING
        self.latency.failed(elapsed_s, now)
        if reason:
            self._failures = 0
            self._rest(reason, kind, self._rest_s(failure))

    def ended(self, *, whole: bool) -> None:
        """Take notice that a call has ended; `whole`: with a whole answer."""
        self.in_flight -= 1
        if whole:
            self._failures = 0

    # --- resting ----------

    def retry_after_s(self, now: float) -> float:
        """Return in how many seconds it may take a call again; 0 for now."""
        resting = max(0.0, self.rests_until - now)
        return resting if self.quota is None else max(resting, self.quota.retry_after_s(now))

    def rest(self, reason: str, seconds: float) -> bool:
        """Take no calls for so long, as somebody found out; False where that was known."""
        until = self._clock.monotonic() + seconds
        if until - self.rests_until <= NEWS_S:
            return False
        self.rests_until = until
        self.rests_for = reason
        self.available = False
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.after(seconds, self._back)
        return True

    def resume(self, before: Deployment) -> None:
        """Go on as the deployment of that name did until now."""
        self.latency = before.latency
        self._failures = before._failures
        left_s = before.rests_until - self._clock.monotonic()
        if left_s > 0.0 and not (before.rests_for == REFUSED and before.link is not self.link):
            self.rest(before.rests_for, left_s)

    def close(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rest_s(self, failure: Failure) -> float:
        """Return for how long: what the provider asked for, within bounds."""
        most_s = float(self._cooldown.max_time)
        if failure.retry_after_s is not None and failure.retry_after_s > 0:
            return min(failure.retry_after_s, most_s)
        # Nobody pays a bill within seconds.
        return most_s if failure.kind == "quota" else min(float(self._cooldown.time), most_s)

    def _rest(self, reason: str, kind: str, seconds: float) -> None:
        if self.rest(reason, seconds):
            self._cooldowns.tell(self, reason, kind, seconds)
            structlog.get_logger().warning(
                "deployment_rests",
                model=self.model,
                deployment=self.name,
                reason=kind,
                seconds=round(seconds, 3),
            )

    def _back(self) -> None:
        self._timer = None
        self.available = True
        self.rests_for = ""


def deployment_name(model: str, config: DeploymentConfig) -> str:
    """Return what a deployment of `model` is called: its own name, or `provider/model`."""
    return config.name or f"{config.provider}/{config.model or model}"
