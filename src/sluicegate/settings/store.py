"""Settings of the store."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sluicegate.model.resource import Resource
from sluicegate.model.units import Duration
from sluicegate.settings.tls import TlsFiles

Secret = Annotated[str, Meta(min_length=1)]
SecretName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9_-]{1,32}$(?!\n)",
        extra={"expected": "up to 32 of `a-z`, `0-9`, `_` and `-`"},
    ),
]
"""What peppers and master keys are called."""


class StoreTls(TlsFiles, frozen=True, kw_only=True):
    """TLS towards PostgreSQL. The server's certificate and name are verified."""

    mode: Annotated[
        Literal["auto", "verify", "off"],
        Meta(description="`auto`: `verify`, and `off` on this machine (loopback, Unix sockets)."),
    ] = "auto"


class Store(Resource, frozen=True, kw_only=True):
    """Where what is changed at run time is kept: by the admin API and the command line."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(none|sqlite:///[^?#]+|postgresql://[^?#\s@]*)$(?!\n)",
            description="`sqlite:///file`: a file, from `data_dir`, for one replica. "
            "`postgresql://host:port/database`: PostgreSQL 14 or newer, for any number. "
            "`none`: the file is all there is, and there is no admin API.",
            extra={
                "expected": "`none`, `sqlite:///file` or `postgresql://host:port/database`; "
                "`username` and `password` are settings of their own"
            },
        ),
    ] = "sqlite:///sluicegate.db"
    username: Annotated[Secret | None, Meta(description="Role to connect as.")] = None
    password: Annotated[Secret | None, Meta(description="Its password, by reference.")] = None
    tls: Annotated[StoreTls, Meta(description="TLS towards PostgreSQL.")] = StoreTls()
    connections: Annotated[
        int, Meta(ge=2, le=100, description="Most connections of this replica. SQLAlchemy: 15.")
    ] = 5
    connect_timeout: Annotated[Duration, Meta(description="Of one connection. Above 0.")] = (
        Duration(2)
    )
    timeout: Annotated[Duration, Meta(description="Of one statement. Above 0.")] = Duration(5)
    poll: Annotated[
        Duration, Meta(description="How often arrivals are looked for where no push has come.")
    ] = Duration(3)
    retention: Annotated[
        Duration, Meta(description="How long revisions are kept once they are superseded.")
    ] = Duration(90 * 86400)
    misses: Annotated[
        int,
        Meta(ge=1, description="Look-ups of unknown keys a second, for the replica as a whole."),
    ] = 200
    master_keys: Annotated[
        dict[
            SecretName,
            Annotated[
                str,
                Meta(
                    pattern=r"^[A-Za-z0-9+/]{43}=$(?!\n)",
                    extra={"expected": "32 bytes in base64, as `openssl rand -base64 32` writes"},
                ),
            ],
        ],
        Meta(
            description="Keys that stored secrets are encrypted under, by name and by reference. "
            "The first one is for what is written from now on. Where the store is SQLite and there "
            "is none, one is made in `data_dir`."
        ),
    ] = {}

    @property
    def exists(self) -> bool:
        """Whether there is a store at all."""
        return self.url != "none"

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Store(url={self.url!r}, …)"
