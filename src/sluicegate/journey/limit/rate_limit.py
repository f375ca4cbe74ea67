"""`rate_limit`: how many requests a caller may make.

All limits of one policy are taken at once: a request that one of them refuses charges none.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from sluicegate.journey.limit.allow_notation import Allowance, parse
from sluicegate.journey.limit.announcement import Wording
from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.limit.subject import subject_of
from sluicegate.policy import PolicyConfig
from sluicegate.state.contract import Take

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts


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

    __slots__ = ("_limiter",)

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare wishes, the wording of headers, and counters."""
        allowances = [parse(text) for text in config.allow]
        by = _listed(config.by)
        place = f"{parts.scope}|{config.name}|{'+'.join(by).lower()}|"
        prefix = config.name + "-" if config.name else ""
        names = [prefix + one.name for one in allowances]
        admitted = parts.metrics.family(
            "sluicegate_limit_admitted_total",
            "counter",
            "Requests that a rate limit let through, by place.",
            ("scope",),
        )
        refused = parts.metrics.family(
            "sluicegate_limit_refused_total",
            "counter",
            "Requests that a rate limit refused, by place and limit.",
            ("scope", "limit"),
        )
        self._limiter = Limiter(
            parts.state,
            [Take(f"{place}{one}|", one.algorithm(), 1) for one in allowances],
            subject_of(by),
            [str(one) for one in allowances],
            Wording(", ".join(_describe(prefix, one) for one in allowances), names),
            admitted.cell(parts.scope),
            [refused.cell(parts.scope, name) for name in names],
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Coroutine[Any, Any, None]:
        """Take, then go on or refuse."""
        return self._limiter.handle(exchange, onward)


def _listed(by: str | list[str]) -> list[str]:
    return [by] if isinstance(by, str) else by


def _describe(prefix: str, one: Allowance) -> str:
    burst = "" if one.burst is None else f";burst={one.burst}"
    return f'"{prefix}{one.name}";q={one.count};w={one.period_s}{burst}'
