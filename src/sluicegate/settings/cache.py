"""Settings of the cache: where answers are kept for the policy `exact`."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from sluicegate.model.resource import FieldFault, Resource
from sluicegate.model.units import Duration, Size
from sluicegate.settings.store import Secret
from sluicegate.settings.tls import TlsFiles

LEAST_BYTES: Final = 65_536


class CacheTls(TlsFiles, frozen=True, kw_only=True):
    """TLS 1.2 or newer towards the cache. The server's certificate and name are verified."""


class Cache(Resource, frozen=True, kw_only=True):
    """Where answers are kept that may be given again. What is away is a miss, never an error."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^(memory://|unix://|rediss?(\+sentinel|\+cluster)?://)[^?#\s@]*$(?!\n)",
            description="`memory://`: in each worker, lost with it. Else a Redis or Valkey of its "
            "own, written as in `state.url`; not that of the state, which must not run full. Run "
            "it with a `maxmemory` and `maxmemory-policy allkeys-lru`.",
            extra={
                "expected": "`memory://`, `unix:///path`, `redis://host:port/0`, "
                "`redis+sentinel://host:port,host:port/primary-name` or "
                "`redis+cluster://host:port,host:port` (`rediss` for TLS); "
                "`username` and `password` are settings of their own"
            },
        ),
    ] = "memory://"
    username: Annotated[Secret | None, Meta(description="ACL user; without it, `default`.")] = None
    password: Annotated[Secret | None, Meta(description="Its password, by reference.")] = None
    sentinel_username: Annotated[Secret | None, Meta(description="ACL user at the Sentinels.")] = (
        None
    )
    sentinel_password: Annotated[Secret | None, Meta(description="Its password, by reference.")] = (
        None
    )
    tls: Annotated[CacheTls | None, Meta(description="Files for `rediss`.")] = None
    timeout: Annotated[
        Duration, Meta(description="Of one call; then it is a miss. Above 0. As `state.timeout`.")
    ] = Duration(0.025)
    connect_timeout: Annotated[
        Duration, Meta(description="Connecting, TLS and AUTH together. Above 0.")
    ] = Duration(0.5)
    namespace: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_.-]{1,32}$(?!\n)",
            description="First part of every key, for servers that keep other things too.",
            extra={"expected": "1 to 32 of letters, digits and `_.-`"},
        ),
    ] = "sg"
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
