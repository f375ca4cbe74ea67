"""How a service's failing, slow and busy targets are met: checks, ejection, breaker, retries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from sluicegate.model.resource import Resource
from sluicegate.model.units import Duration

StatusRange = Annotated[
    str,
    Meta(
        pattern=r"^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$(?!\n)",
        extra={"expected": "a status such as `200`, or a range such as `200-299`"},
    ),
]
Host = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9._\-\[\]:]+$(?!\n)",
        extra={"expected": "a host, and a port where it has one"},
    ),
]
Path = Annotated[
    str,
    Meta(pattern=r"^/[!-~]*$(?!\n)", extra={"expected": "a path that starts with `/`"}),
]


def listed(ranges: Iterable[str]) -> frozenset[int]:
    """Return every status of ranges such as `200` and `502-504`."""
    bounds = [each.partition("-") for each in ranges]
    return frozenset(
        status for first, _, last in bounds for status in range(int(first), int(last or first) + 1)
    )


class Check(Resource, frozen=True, kw_only=True):
    """An active check of every target, made once per replica and told to its workers."""

    path: Annotated[
        Path | None,
        Meta(
            description="Asked for by GET. Without it a connection (with TLS, for `https`) is "
            "all that is checked."
        ),
    ] = None
    statuses: Annotated[
        tuple[StatusRange, ...], Meta(min_length=1, description="Answers of a healthy target.")
    ] = ("200-299",)
    host: Annotated[
        Host | None, Meta(description="The `Host` to ask with, instead of the target's own.")
    ] = None
    interval: Annotated[
        Duration,
        Meta(description="Between two checks; of a target that is out 500ms at most. Envoy: 5 s."),
    ] = Duration(5)
    timeout: Annotated[Duration, Meta(description="For the whole of a check.")] = Duration(2)
    healthy: Annotated[
        int, Meta(ge=1, description="Checks passed in a row that bring a target back.")
    ] = 2
    unhealthy: Annotated[
        int, Meta(ge=1, description="Checks failed in a row that take it out. HAProxy `fall`: 3.")
    ] = 3


class Ejection(Resource, frozen=True, kw_only=True):
    """A target that fails several times in a row is left out for a while (outlier detection)."""

    consecutive: Annotated[
        int,
        Meta(
            ge=1,
            description="Failures in a row: no answer, a late one, or one of `failure_statuses`. "
            "Envoy: 5.",
        ),
    ] = 5
    time: Annotated[
        Duration,
        Meta(description="Out for this long, times how often it happened lately. Envoy: 30 s."),
    ] = Duration(30)
    max_time: Annotated[Duration, Meta(description="Longest time out. Envoy: 300 s.")] = Duration(
        300
    )
    max_share: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Percent of the targets that may be out for what they answered; one that "
            "cannot be connected to is out in any case.",
        ),
    ] = 50


class Breaker(Resource, frozen=True, kw_only=True):
    """A circuit breaker per target, shared by all routes."""

    window: Annotated[int, Meta(ge=1, le=10_000, description="Last calls that are looked at.")] = (
        100
    )
    min_calls: Annotated[
        int,
        Meta(ge=1, description="Calls before it may open; shared out among a replica's workers."),
    ] = 20
    failures: Annotated[
        int, Meta(ge=1, le=100, description="Percent of calls, failed or slow, that open it.")
    ] = 50
    slow: Annotated[
        Duration, Meta(description="A response head later than this is as bad as none. 0: never.")
    ] = Duration(3)
    open: Annotated[Duration, Meta(description="Time open before calls are tried.")] = Duration(60)
    probes: Annotated[
        int, Meta(ge=1, description="Calls that are tried; all must do well, or it opens again.")
    ] = 10


class Retry(Resource, frozen=True, kw_only=True):
    """Attempts at other targets, for requests that can be sent again without harm.

    That is: nothing of a response was sent to the client, the method is idempotent or nothing has
    reached a target, and the body was not begun or is at most 64 KiB.
    """

    attempts: Annotated[
        int, Meta(ge=1, le=10, description="In all, the first one included; 1 turns retries off.")
    ] = 2
    statuses: Annotated[
        tuple[Annotated[int, Meta(ge=400, le=599)], ...],
        Meta(description="Answers to an idempotent request that are tried again elsewhere."),
    ] = (502, 503, 504)
    budget: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Percent of live requests that may be retries of what was sent. Envoy: 20.",
        ),
    ] = 20
    min_budget: Annotated[
        int, Meta(ge=0, description="Retries at the same time that are always allowed. Envoy: 3.")
    ] = 3
    backoff: Annotated[
        Duration,
        Meta(description="Longest wait before the second attempt; doubles, and is drawn at random"),
    ] = Duration(0.025)
    max_backoff: Annotated[Duration, Meta(description="Longest of these waits.")] = Duration(0.25)
    max_wait: Annotated[
        Duration,
        Meta(
            description="Longest `Retry-After` that is waited for; after a longer one the answer "
            "goes to the client."
        ),
    ] = Duration(1)


class Hedge(Resource, frozen=True, kw_only=True):
    """A second attempt beside a slow first one; the first answer counts, the other is cancelled."""

    percentile: Annotated[
        float, Meta(ge=50, le=99.9, description="Of recent times to first byte: slower is slow.")
    ] = 95
    max_share: Annotated[
        int, Meta(ge=1, le=50, description="Percent of requests that may have a second attempt.")
    ] = 5
    min_delay: Annotated[Duration, Meta(description="Never begin one earlier than this.")] = (
        Duration(0.01)
    )


class Waiting(Resource, frozen=True, kw_only=True):
    """Where requests wait when the limit of a service is reached. The most important goes first."""

    size: Annotated[
        int, Meta(ge=0, description="Requests that may wait; beyond it the least important go.")
    ] = 100
    time: Annotated[Duration, Meta(description="Longest wait; then 503.")] = Duration(1)


class Concurrency(Resource, frozen=True, kw_only=True):
    """How many requests a worker has at a service at the same time."""

    limit: Annotated[
        Literal["adaptive"] | Annotated[int, Meta(ge=1)],
        Meta(description="`adaptive`: found out from the time to the first byte. Or a number."),
    ] = "adaptive"
    min: Annotated[int, Meta(ge=1, description="Smallest adaptive limit.")] = 4
    max: Annotated[int, Meta(ge=1, description="Largest adaptive limit.")] = 1000
    queue: Annotated[Waiting, Meta(description="For what is over the limit.")] = Waiting()


class ConsistentHash(Resource, frozen=True, kw_only=True):
    """The same caller to the same target, as long as that one has room."""

    by: Annotated[
        str,
        Meta(
            pattern=r"^(consumer|ip|(header|cookie):[A-Za-z0-9!#$%&'*+.^_`|~-]+)$(?!\n)",
            extra={"expected": "`consumer`, `ip`, `header:<name>` or `cookie:<name>`"},
            description="What is hashed. A request without it goes anywhere.",
        ),
    ]
    max_load: Annotated[
        int,
        Meta(
            ge=100,
            le=1000,
            description="Percent of the mean load that a target takes before the next one does. "
            "Envoy's hash_balance_factor: off; HAProxy advises 125 to 200.",
        ),
    ] = 125


class HashBalance(Resource, frozen=True, kw_only=True):
    """Consistent hashing, with its settings."""

    consistent_hash: ConsistentHash
