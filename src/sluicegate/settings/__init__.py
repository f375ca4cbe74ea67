"""Process settings: one frozen struct, from `application.yml` and the environment.

Every setting can be overridden by an environment variable: `SLUICEGATE_` and its path in capitals,
joined by `_` (`SLUICEGATE_GATEWAY_LISTEN`, `SLUICEGATE_GATEWAY_HTTP_HEADER_TIMEOUT`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sluicegate.model.resource import Resource
from sluicegate.model.units import Duration, Size
from sluicegate.settings.alerts import Alerts
from sluicegate.settings.cache import Cache
from sluicegate.settings.emf import Emf
from sluicegate.settings.ledger import Ledger
from sluicegate.settings.redis import (
    URL_EXPECTED,
    URL_PATTERN,
    Namespace,
    Password,
    SentinelUser,
    User,
)
from sluicegate.settings.store import Store
from sluicegate.settings.tls import TlsFiles

Address = Annotated[
    str,
    Meta(
        pattern=r"^(\[[0-9a-fA-F:.]+\]|[^:\[\]\s]*):[0-9]{1,5}$(?!\n)",
        extra={"expected": "`host:port`, such as `0.0.0.0:8080` or `[::1]:8080`"},
    ),
]


class Certificate(Resource, frozen=True, kw_only=True):
    """One certificate of a listener; the names in it decide (SNI) which clients get it."""

    certificate: Annotated[str, Meta(description="PEM file: certificate, then its chain.")]
    key: Annotated[str, Meta(description="PEM file of the private key.")]


class ListenerTls(Resource, frozen=True, kw_only=True):
    """TLS 1.2 or newer towards clients. Files are read again at every reload."""

    certificates: Annotated[
        list[Certificate],
        Meta(min_length=1, description="The first one is for clients that name no known host."),
    ]
    client_ca: Annotated[
        str | None, Meta(description="PEM file: authorities whose client certificates we accept.")
    ] = None
    client_certificate: Annotated[
        Literal["optional", "required"],
        Meta(description="Whether a client must show one, where `client_ca` is set."),
    ] = "optional"


class Http(Resource, frozen=True, kw_only=True):
    """Bounds on what a client may send, each with its precedent."""

    max_headers: Annotated[int, Meta(ge=1, description="Count. Apache: 100, Envoy: 100.")] = 100
    max_header_bytes: Annotated[
        Size, Meta(description="Request line and headers together. Envoy: 60 KiB.")
    ] = Size(65536)
    max_target: Annotated[Size, Meta(description="Request target. Apache, nginx: 8 KiB.")] = Size(
        8192
    )
    max_body: Annotated[
        Size, Meta(description="0 is no bound: bodies stream and are never buffered. Envoy: none.")
    ] = Size(0)
    header_timeout: Annotated[
        Duration, Meta(description="First byte to complete head, absolute. HAProxy advises 10 s.")
    ] = Duration(10)
    body_idle_timeout: Annotated[
        Duration, Meta(description="Silence within a request body. nginx: 60 s.")
    ] = Duration(60)
    min_body_rate: Annotated[
        Size, Meta(description="Bytes a second, after 5 s of grace. Kestrel: 240.")
    ] = Size(240)
    send_timeout: Annotated[
        Duration, Meta(description="A client that reads nothing for this long. nginx: 60 s.")
    ] = Duration(60)
    keepalive_timeout: Annotated[
        Duration, Meta(description="An unused connection. nginx: 75 s; above a balancer's 60 s.")
    ] = Duration(75)
    total_timeout: Annotated[
        Duration, Meta(description="A whole exchange. 0: none, as nginx; streams stay open.")
    ] = Duration(0)
    max_connections: Annotated[
        int, Meta(ge=1, description="Per worker. At the bound idle ones close first. nginx: 512.")
    ] = 10_000
    max_requests: Annotated[
        int, Meta(ge=1, description="Per connection. nginx keepalive_requests: 1000.")
    ] = 10_000
    underscores: Annotated[
        Literal["refuse", "allow"],
        Meta(description="Header names with `_`: WSGI and CGI read them as `-`. Envoy: edge."),
    ] = "refuse"


class Drain(Resource, frozen=True, kw_only=True):
    """What happens between SIGTERM and exit."""

    grace: Annotated[
        Duration,
        Meta(description="Not ready, but still accepting, while balancers take notice."),
    ] = Duration(5)
    deadline: Annotated[
        Duration, Meta(description="After the grace: for requests in flight; then they are cut.")
    ] = Duration(30)


class Gateway(Resource, frozen=True, kw_only=True):
    """The data port."""

    listen: Annotated[Address, Meta(description="`host:port`; port 0 takes a free one.")] = (
        "0.0.0.0:8080"
    )
    workers: Annotated[
        Literal["auto"] | Annotated[int, Meta(ge=1, le=1024)],
        Meta(description="Processes. `auto`: CPU quota rounded up; 1 with `memory://`."),
    ] = "auto"
    tls: Annotated[ListenerTls | None, Meta(description="Speak TLS on the data port.")] = None
    proxy_protocol: Annotated[
        bool, Meta(description="Expect PROXY protocol v1 or v2 from `trusted_proxies`.")
    ] = False
    trusted_proxies: Annotated[
        list[str],
        Meta(description="Networks whose `Forwarded` and `X-Forwarded-*` headers are believed."),
    ] = []
    private_networks: Annotated[
        list[str],
        Meta(
            description="Networks that *names* of targets may resolve to, beside public addresses. "
            "An address that stands in a target's URL is allowed as it stands there."
        ),
    ] = []
    http: Annotated[Http, Meta(description="Bounds on clients.")] = Http()
    drain: Annotated[Drain, Meta(description="Shutdown.")] = Drain()
    health: Annotated[
        bool, Meta(description="Answer `/actuator/health/*` on the data port, a word only.")
    ] = True
    client_eof: Annotated[
        Literal["cancel", "ignore"],
        Meta(description="EOF of a client that waits: `cancel` as nginx, `ignore`: half-close."),
    ] = "cancel"


class Management(Resource, frozen=True, kw_only=True):
    """The management port: actuator and admin API."""

    listen: Annotated[Address, Meta(description="`host:port`; loopback unless told.")] = (
        "127.0.0.1:9090"
    )
    tls: Annotated[ListenerTls | None, Meta(description="Speak TLS on the management port.")] = None


class Admin(Resource, frozen=True, kw_only=True):
    """The admin API, on the management port."""

    token_file: Annotated[
        str | None,
        Meta(
            description="File with the first admin token. `sluicegate migrate` makes token and "
            "file where there is neither. Without it, `admin.token` in `data_dir`, and only "
            "where the store is SQLite."
        ),
    ] = None
    plain: Annotated[
        bool,
        Meta(
            description="Answer over plain HTTP to others than this machine too: where something "
            "in front of it speaks TLS."
        ),
    ] = False


class StateTls(TlsFiles, frozen=True, kw_only=True):
    """TLS 1.2 or newer towards the state. The server's certificate and name are verified."""


class State(Resource, frozen=True, kw_only=True):
    """Where limits are counted."""

    url: Annotated[
        str,
        Meta(
            pattern=URL_PATTERN,
            description="`memory://`: in the process; with several workers an embedded Valkey of "
            "this replica's own (extra `embedded`). `redis://host:port/0`, "
            "`unix:///run/valkey.sock`: one Redis or Valkey, 6.2 or newer. "
            "`redis+sentinel://host:port,host:port/primary-name`: the primary that Sentinels name. "
            "`redis+cluster://host:port,host:port`: a cluster. `rediss` in place of `redis`: TLS.",
            extra=URL_EXPECTED,
        ),
    ] = "memory://"
    username: User = None
    password: Password = None
    sentinel_username: SentinelUser = None
    sentinel_password: Password = None
    tls: Annotated[StateTls | None, Meta(description="Files for `rediss`.")] = None
    timeout: Annotated[
        Duration,
        Meta(
            description="Of one call; then the limits do what their `away` says. Above 0. "
            "envoyproxy/ratelimit's filter in Envoy: 20 ms."
        ),
    ] = Duration(0.025)
    connect_timeout: Annotated[
        Duration,
        Meta(description="Connecting, TLS and AUTH together. Above 0. Recovery may take it."),
    ] = Duration(0.5)
    namespace: Namespace = "sg"
    expected_workers: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Workers of all replicas together, for `away: share` as long as this "
            "worker has not seen the state. Without it: the workers of this replica.",
        ),
    ] = None

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"State(url={self.url!r}, namespace={self.namespace!r}, …)"


class Region(Resource, frozen=True, kw_only=True):
    """Where this replica runs."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9-]{1,32}$(?!\n)",
            description="For logs and metrics.",
            extra={"expected": "1 to 32 of `a-z`, `0-9` and `-`"},
        ),
    ] = "local"
    zone: Annotated[
        str | None, Meta(description="Availability zone; targets in the same one are preferred.")
    ] = None
    of: Annotated[
        int,
        Meta(
            ge=1,
            le=64,
            description="How many regions share the limits of mode `eventual`. Each admits at most "
            "1.5 times the limit divided by `of` (never more than the limit).",
        ),
    ] = 1


class Tracing(Resource, frozen=True, kw_only=True):
    """Where the spans of the policy `traces` go: an OpenTelemetry collector."""

    endpoint: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^https?://[^/?#\s@]+(/[^?#\s]*)?$(?!\n)",
                extra={"expected": "a base URL such as `http://127.0.0.1:4318`"},
            ),
        ]
        | None,
        Meta(
            description="Base URL of OTLP/HTTP, as in OTEL_EXPORTER_OTLP_ENDPOINT: `/v1/traces` is "
            "appended. Without it nothing is traced."
        ),
    ] = None
    headers: Annotated[
        dict[
            Annotated[
                str,
                Meta(
                    pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$(?!\n)",
                    extra={"expected": "the name of a header"},
                ),
            ],
            Annotated[
                str,
                Meta(
                    pattern=r"^[!-~]([ -~]*[!-~])?$(?!\n)",
                    extra={"expected": "visible ASCII characters, spaces only between them"},
                ),
            ],
        ],
        Meta(description="Sent with every export; secrets by reference."),
    ] = {}
    timeout: Annotated[
        Duration, Meta(description="Of one export, its retries included. OTLP exporters: 10 s.")
    ] = Duration(10)
    queue: Annotated[
        int,
        Meta(ge=1, le=1_000_000, description="Exchanges whose spans wait, per worker. SDKs: 2048."),
    ] = 2048
    service_name: Annotated[str, Meta(min_length=1, description="`service.name` of the spans.")] = (
        "sluicegate"
    )


class Settings(Resource, frozen=True, kw_only=True):
    """All process settings; read once at start. A reload may change `gateway.tls` files only."""

    gateway: Gateway = Gateway()
    management: Management = Management()
    admin: Admin = Admin()
    state: State = State()
    store: Store = Store()
    cache: Cache = Cache()
    ledger: Ledger = Ledger()
    alerts: Alerts = Alerts()
    region: Region = Region()
    tracing: Tracing = Tracing()
    emf: Annotated[
        Emf | None, Meta(description="Metrics for CloudWatch, as log lines; none unless given.")
    ] = None
    data_dir: Annotated[
        str,
        Meta(description="Folder for what is kept on disk, from the working directory. Mode 0700."),
    ] = ".sluicegate"


def host_and_port(address: str) -> tuple[str, int]:
    """Take a `listen` address apart; the host without brackets, empty for every address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
