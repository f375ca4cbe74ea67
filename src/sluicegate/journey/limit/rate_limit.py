"""`rate_limit`: how many requests a caller may make.

All limits of one policy are taken at once: a request that one of them refuses charges none.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import RATE_LIMITED
from sluicegate.journey.limit.allow_notation import Allowance, parse
from sluicegate.journey.limit.subject import subject_of
from sluicegate.policy import PolicyConfig
from sluicegate.state.contract import Outcome, Take

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

SECOND_US = 1_000_000
OLDER = (b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset")


class Config(PolicyConfig, frozen=True, kw_only=True):
    """How many requests, and by whom.

    Counts outlive a reload as long as the place (route, plan, gateway), `name`, `by` and the
    allowance stay the same. A plan's limits are shared by all routes that its consumers call.
    """

    allow: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="All must admit. `N/second`, `minute`, `hour` or `day` counts in windows "
            "of the clock, UTC; with `burst B` it is a token bucket that holds B.",
            examples=[["10/second burst 20", "500/minute", "10000/day"]],
        ),
    ]
    by: Annotated[
        str | list[str],
        Meta(
            description="Whom it counts: `consumer`, `key` (both: the address where the caller is "
            "anonymous), `ip` (IPv6: the /64), `route`, `header:<name>` (requests without it share "
            "one allowance); a list counts each combination."
        ),
    ] = "consumer"
    name: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9-]{0,32}$",
            description="Tells limits of one place apart, in counts and in headers.",
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be read, counted or told apart."""
        names = [parse(text).name for text in self.allow]
        for text, name in zip(self.allow, names, strict=True):
            parse(text).algorithm()
            if names.count(name) > 1:
                raise ValueError(f"`{text}` is there more than once: write it once")
        subject_of(_listed(self.by))


class Policy:
    """Takes from every limit, answers 429 when one refuses, and says what is left."""

    __slots__ = ("_admitted", "_limits", "_names", "_policy", "_refused", "_state", "_subject",
                 "_template")  # fmt: skip

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare keys, header templates and counters."""
        allowances = [parse(text) for text in config.allow]
        by = _listed(config.by)
        place = f"{parts.scope}|{config.name}|{'+'.join(by).lower()}|"
        self._limits = [(f"{place}{one}|", one.algorithm()) for one in allowances]
        self._subject = subject_of(by)
        self._state = parts.state
        prefix = config.name + "-" if config.name else ""
        self._names = [str(one) for one in allowances]
        self._policy = ", ".join(_describe(prefix, one) for one in allowances).encode()
        left = ", ".join(f'"{prefix}{one.name}";r=%d;t=%d' for one in allowances)
        self._template = (left + "|%d|%d|%d").encode()
        self._admitted = parts.metrics.family(
            "sluicegate_limit_admitted_total",
            "counter",
            "Requests that a rate limit let through, by place.",
            ("scope",),
        ).cell(parts.scope)
        refused = parts.metrics.family(
            "sluicegate_limit_refused_total",
            "counter",
            "Requests that a rate limit refused, by place and limit.",
            ("scope", "limit"),
        )
        self._refused = [refused.cell(parts.scope, prefix + one.name) for one in allowances]

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Take, then go on or refuse."""
        subject = self._subject(exchange)
        verdict = await self._state.take(
            [Take(prefix + subject, algorithm, 1) for prefix, algorithm in self._limits]
        )
        if not verdict.admitted:
            self._refuse(exchange, verdict.outcomes)
            return
        self._admitted.value += 1
        exchange.on_head(partial(self._announce, verdict.outcomes))
        await onward(exchange)

    def _refuse(self, exchange: Exchange, outcomes: Sequence[Outcome]) -> None:
        wait_us = first = 0
        for index, outcome in enumerate(outcomes):
            if not outcome.admitted:
                self._refused[index].value += 1
                if outcome.retry_after_us > wait_us:
                    wait_us, first = outcome.retry_after_us, index
        exchange.on_head(partial(self._announce, outcomes))
        retry = ((b"retry-after", b"%d" % _seconds(wait_us)),)
        exchange.refuse(RATE_LIMITED, f"the limit of {self._names[first]} is used up", retry)

    def _announce(self, outcomes: Sequence[Outcome], exchange: Exchange) -> None:
        """Write what is left (draft-ietf-httpapi-ratelimit-headers) and the older X-RateLimit."""
        response = exchange.response
        if response is None:
            return
        headers = response.headers
        numbers: list[int] = []
        tightest = outcomes[0]
        for outcome in outcomes:
            if outcome.remaining < tightest.remaining:
                tightest = outcome
            numbers += (outcome.remaining, -(-outcome.reset_us // SECOND_US))
        # One formatting for all five numbers and more: four would cost a microsecond.
        numbers += (tightest.limit, tightest.remaining, -(-tightest.reset_us // SECOND_US))
        left, limit, remaining, reset = (self._template % tuple(numbers)).split(b"|")
        headers.append((b"ratelimit-policy", self._policy))
        headers.append((b"ratelimit", left))
        said = headers.get(b"x-ratelimit-remaining")
        if said is not None:
            if said.isdigit() and int(said) <= tightest.remaining:
                return
            for name in OLDER:
                headers.remove(name)
        headers.append((b"x-ratelimit-limit", limit))
        headers.append((b"x-ratelimit-remaining", remaining))
        headers.append((b"x-ratelimit-reset", reset))


def _listed(by: str | list[str]) -> list[str]:
    return [by] if isinstance(by, str) else by


def _describe(prefix: str, one: Allowance) -> str:
    burst = "" if one.burst is None else f";burst={one.burst}"
    return f'"{prefix}{one.name}";q={one.count};w={one.period_s}{burst}'


def _seconds(time_us: int) -> int:
    """Round up: a caller who waits that long is not early."""
    return -(-time_us // SECOND_US)
