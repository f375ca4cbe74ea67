"""Settings of the cache: where answers are kept for the policy `exact`."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from sluicegate.model.resource import FieldFault, Resource
from sluicegate.model.units import Duration, Size
from sluicegate.settings.redis import (
    URL_EXPECTED,
    URL_PATTERN,
    Namespace,
    Password,
    SentinelUser,
    User,
)
from sluicegate.settings.tls import TlsFiles

LEAST_BYTES: Final = 65_536


class CacheTls(TlsFiles, frozen=True, kw_only=True):
    """TLS 1.2 or newer towards the cache. The server's certificate and name are verified."""


class Cache(Resource, frozen=True, kw_only=True):
    """Where answers are kept that may be given again. What is away is a miss, never an error."""

    url: Annotated[
        str,
        Meta(
            pattern=URL_PATTERN,
            description="`memory://`: in each worker, lost with it. Else a Redis or Valkey of its "
            "own, written as in `state.url`; not that of the state, which must not run full. Run "
            "it with a `maxmemory` and `maxmemory-policy allkeys-lru`.",
            extra=URL_EXPECTED,
        ),
    ] = "memory://"
    username: User = None
    password: Password = None
    sentinel_username: SentinelUser = None
    sentinel_password: Password = None
    tls: Annotated[CacheTls | None, Meta(description="Files for `rediss`.")] = None
    timeout: Annotated[
        Duration, Meta(description="Of one call; then it is a miss. Above 0. As `state.timeout`.")
    ] = Duration(0.025)
    connect_timeout: Annotated[
        Duration, Meta(description="Connecting, TLS and AUTH together. Above 0.")
    ] = Duration(0.5)
    namespace: Namespace = "sg"
    max_bytes: Annotated[
        Size,
        Meta(
            description="With `memory://`: of all answers that a worker keeps; the ones not asked "
            "for longest go first. At least 64KiB. memcached: 64 MB."
        ),
    ] = Size(64 * 1024 * 1024)

    def __post_init__(self) -> None:
        """Refuse what can keep nothing."""
        if self.max_bytes < LEAST_BYTES:
            raise FieldFault(("max_bytes",), f"found {self.max_bytes}; expected at least 64KiB")

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Cache(url={self.url!r}, namespace={self.namespace!r}, …)"
