"""The limits that are put to the test: one route each, so that each is counted for itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from truth.bounds import Bucket, Limit, Mode, Window
from truth.load import Asker

EVEN, UNEVEN = 97, 90
"""Percent of what is allowed that `leased` lets through, at least."""


@dataclass(frozen=True, slots=True)
class Held:
    """A limit, how it is counted, and who asks for more. `floor` is in percent.

    `weights` says how the requests are shared out over the replicas; evenly if it is empty.
    """

    name: str
    limit: Limit
    mode: Mode
    rate: float
    floor: int = 100
    weights: tuple[float, ...] = ()

    @property
    def policies(self) -> list[Any]:
        """The policies of its route."""
        limit = self.limit
        if isinstance(limit, Bucket):
            allow = f"{limit.rate}/second burst {limit.burst}"
        else:
            allow = f"{limit.limit}/minute"
        mode = {"mode": self.mode.name, "away": self.mode.away}
        return [{"rate_limit": {"allow": [allow], "by": "route", **mode}}]

    @property
    def asker(self) -> Asker:
        """Who asks for it."""
        return Asker(self.name, f"/{self.name}", self.rate, self.weights)


def in_every_mode(limit: int, rate: int, burst: int, asks: float) -> tuple[Held, ...]:
    """Return a window of a minute and a bucket in all modes, asked `asks` times a second."""
    window, bucket = Window(limit), Bucket(rate, burst)
    return (
        Held("exact-window", window, Mode(), asks),
        Held("exact-bucket", bucket, Mode(), asks),
        Held("leased-window", window, Mode("leased"), asks, EVEN),
        Held("leased-bucket", bucket, Mode("leased"), asks, EVEN),
        Held("eventual-window", window, Mode("eventual"), asks),
    )


def in_every_away(limit: int, rate: int, burst: int, asks: float) -> tuple[Held, ...]:
    """Add what else a bucket may do while the state is away."""
    bucket = Bucket(rate, burst)
    others = (Held(f"{away}-bucket", bucket, Mode(away=away), asks) for away in ("local", "deny"))
    return (
        *in_every_mode(limit, rate, burst, asks),
        *others,
        Held("allow-bucket", bucket, Mode(away="allow"), asks),
    )


OVERLOAD = (
    Held("exact", Window(1000), Mode(), 200),
    Held("leased", Window(1000), Mode("leased"), 200, EVEN),
    Held("leased-90-10", Window(1000), Mode("leased"), 200, UNEVEN, (0.9, 0.05, 0.05)),
)
"""Ten times 1000 a minute, by the clients of three replicas."""
