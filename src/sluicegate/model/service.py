"""A service: a named upstream, its targets and how they are called."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sluicegate.model.resilience import (
    Breaker,
    Check,
    Concurrency,
    Ejection,
    HashBalance,
    Hedge,
    Retry,
    StatusRange,
)
from sluicegate.model.resource import Resource
from sluicegate.model.units import Duration

Url = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^/?#@\s]+$(?!\n)",
        examples=["http://10.0.0.5:9000"],
        extra={"expected": "a URL such as `http://10.0.0.5:9000`, without a path"},
    ),
]


class Target(Resource, frozen=True, kw_only=True):
    """One address of a service. A bare URL in the file means `{url: …}`."""

    url: Annotated[Url, Meta(description="`http://` or `https://`, host and port; no path.")]
    weight: Annotated[
        int, Meta(ge=0, le=1000, description="Share of calls beside its siblings; 0 takes none.")
    ] = 1
    zone: Annotated[
        str | None, Meta(description="Where it runs; targets in `region.zone` are preferred.")
    ] = None
    labels: Annotated[
        dict[str, str], Meta(description="For subsets: a route's share may ask for `labels`.")
    ] = {}


class Timeouts(Resource, frozen=True, kw_only=True):
    """How long to wait for a target. `0` means no bound."""

    connect: Annotated[
        Duration, Meta(description="For a connection, TLS included. nginx: 60 s, Envoy: 5 s.")
    ] = Duration(3)
    first_byte: Annotated[
        Duration,
        Meta(description="From the request sent to the response head. Envoy's route: 15 s."),
    ] = Duration(60)
    idle: Annotated[
        Duration, Meta(description="Silence within a response body. nginx proxy_read_timeout: 60 s")
    ] = Duration(60)
    total: Annotated[
        Duration,
        Meta(description="For all attempts, waits and the response together. Off, as in nginx."),
    ] = Duration(0)


class UpstreamTls(Resource, frozen=True, kw_only=True):
    """TLS to the targets whose URL says `https`. TLS 1.2 or newer, always verified by default."""

    ca: Annotated[
        str | None, Meta(description="PEM file of the authorities to trust instead of the system's")
    ] = None
    certificate: Annotated[
        str | None, Meta(description="PEM file of our own certificate chain (mutual TLS).")
    ] = None
    key: Annotated[str | None, Meta(description="PEM file of the key to `certificate`.")] = None
    server_name: Annotated[
        str | None, Meta(description="Name to ask for and verify, instead of the target's host.")
    ] = None
    verify: Annotated[
        bool, Meta(description="`false` accepts any certificate: for a laptop only.")
    ] = True


class Pool(Resource, frozen=True, kw_only=True):
    """Connections kept to each target, per worker."""

    max_connections: Annotated[
        int, Meta(ge=1, description="Open at once; more requests wait. Envoy: 1024.")
    ] = 1024
    max_idle: Annotated[int, Meta(ge=0, description="Kept open unused. nginx keepalive: 32.")] = 256
    idle_timeout: Annotated[
        Duration,
        Meta(description="Unused connections close after this. Below the usual 60 s of targets."),
    ] = Duration(50)
    dns_refresh: Annotated[
        Duration, Meta(description="How old a resolved name may be. Envoy dns_refresh_rate: 5 s.")
    ] = Duration(5)


class Service(Resource, frozen=True, kw_only=True):
    """A named upstream."""

    targets: Annotated[
        list[Target | Url], Meta(min_length=1, description="Where the service runs.")
    ]
    balance: Annotated[
        Literal["weighted_round_robin", "least_requests", "peak_ewma"] | HashBalance,
        Meta(description="How a target is chosen for a request."),
    ] = "least_requests"
    slow_start: Annotated[
        Duration,
        Meta(description="How long a target that is new or back takes to get its full share."),
    ] = Duration(0)
    check: Annotated[Check | None, Meta(description="Active health check; off unless given.")] = (
        None
    )
    failure_statuses: Annotated[
        tuple[StatusRange, ...],
        Meta(
            description="Answers that count as failures of their target, for ejection and breaker. "
            "500 does not unless told: a caller may provoke it."
        ),
    ] = ("502-504",)
    ejection: Annotated[
        Ejection | None, Meta(description="Leaving out targets that fail in a row; `null`: off.")
    ] = Ejection()
    breaker: Annotated[
        Breaker | None, Meta(description="Circuit breaker of each target; `null`: off.")
    ] = Breaker()
    retry: Annotated[Retry, Meta(description="Attempts elsewhere.")] = Retry()
    hedge: Annotated[
        Hedge | None, Meta(description="A second attempt beside a slow one; off unless given.")
    ] = None
    concurrency: Annotated[
        Concurrency | None,
        Meta(description="A bound on requests at the same time, per worker; off unless given."),
    ] = None
    timeouts: Annotated[Timeouts, Meta(description="How long to wait.")] = Timeouts()
    tls: Annotated[UpstreamTls, Meta(description="TLS to `https` targets.")] = UpstreamTls()
    pool: Annotated[Pool, Meta(description="Connections kept.")] = Pool()
    preserve_host: Annotated[
        bool,
        Meta(description="Send the client's Host on (as Envoy); `false` sends the target's."),
    ] = True

    @property
    def entries(self) -> list[Target]:
        """The targets, each in its long form."""
        return [Target(url=each) if isinstance(each, str) else each for each in self.targets]
