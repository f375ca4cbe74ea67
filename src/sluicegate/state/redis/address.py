"""Where the state is: what `state.url` says.

    redis://host:port/0                           one server; port 6379 and database 0 are implied
    unix:///run/valkey.sock                       one server of this machine
    redis+sentinel://host:port,host:port/name/0   the primary `name`; Sentinels' port is 26379
    redis+cluster://host:port,host:port           some nodes of a cluster

`rediss` in place of `redis` is TLS. Names and passwords are never part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sluicegate.settings import State

Kind = Literal["memory", "single", "sentinel", "cluster"]

PORT, SENTINEL_PORT, LAST_PORT = 6379, 26379, 65535
_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server: a host and a port, or else the `path` of a unix socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        """Give the written form."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class StateAddress:
    """A `state.url`, taken apart. `primary` is the name that Sentinels know it by."""

    kind: Kind
    tls: bool = False
    endpoints: tuple[Endpoint, ...] = ()
    primary: str = ""
    database: int = 0


def parse_address(url: str) -> StateAddress:
    """Take a URL apart. Raises ValueError that says what was found and what to write."""
    scheme, _, rest = url.partition("://")
    base, _, kind = scheme.partition("+")
    tls = base == "rediss"
    if scheme == "memory" and not rest:
        return StateAddress("memory")
    if scheme == "unix":
        return StateAddress("single", endpoints=(_socket(rest),))
    if base not in ("redis", "rediss"):
        raise ValueError("expected `memory://`, `unix://`, `redis://` or `rediss://`")
    hosts, _, path = rest.partition("/")
    if kind == "sentinel":
        primary, _, database = path.partition("/")
        if not re.fullmatch(r"[A-Za-z0-9._-]+", primary):
            raise ValueError("the primary has no name; expected it after the last `/` of the hosts")
        endpoints = _endpoints(hosts, SENTINEL_PORT)
        return StateAddress("sentinel", tls, endpoints, primary, _database(database))
    endpoints = _endpoints(hosts, PORT)
    if kind == "cluster":
        if path:
            raise ValueError("a cluster has one database only; expected nothing after the hosts")
        return StateAddress("cluster", tls, endpoints)
    if kind or len(endpoints) > 1:
        raise ValueError(
            f"expected one host; for several write `{base}+sentinel://` or `{base}+cluster://`"
        )
    return StateAddress("single", tls, endpoints, database=_database(path))


def state_faults(state: State) -> list[tuple[str, str]]:
    """Return what is wrong with settings that are each well-formed: pairs of field and message."""
    faults: list[tuple[str, str]] = []
    try:
        address = parse_address(state.url)
    except ValueError as error:
        return [("url", str(error))]
    if state.tls is not None:
        if not address.tls:
            faults.append(("tls", f"`{state.url}` is without TLS; expected `rediss` in `url`"))
        if (state.tls.certificate is None) != (state.tls.key is None):
            faults.append(("tls", "expected `certificate` and `key` together"))
    if state.username is not None and state.password is None:
        faults.append(("username", "a user without a password; expected `password` beside it"))
    if state.sentinel_username is not None and state.sentinel_password is None:
        faults.append(("sentinel_username", "expected `sentinel_password` beside it"))
    faults += [
        (field, "found 0; expected a time above it")
        for field, value in (("timeout", state.timeout), ("connect_timeout", state.connect_timeout))
        if not value
    ]
    return faults


def _socket(path: str) -> Endpoint:
    if not path.startswith("/"):
        raise ValueError(f"found `unix://{path}`; expected an absolute path: `unix:///{path}`")
    return Endpoint("", 0, path)


def _endpoints(hosts: str, port: int) -> tuple[Endpoint, ...]:
    found = []
    for each in hosts.split(","):
        match = _HOST_PORT.fullmatch(each)
        if match is None:
            at = each.rpartition("@")
            shown = f"…@{at[2]}" if at[1] else each  # what stands before it may be a password
            raise ValueError(f"found `{shown}`; expected `host:port`, such as `10.0.0.5:{port}`")
        number = int(match[2] or port)
        if not 0 < number <= LAST_PORT:
            raise ValueError(f"found port {number}; expected 1 to {LAST_PORT}")
        found.append(Endpoint(match[1].strip("[]"), number))
    return tuple(found)


def _database(path: str) -> int:
    if not path:
        return 0
    if not re.fullmatch(r"[0-9]{1,6}", path):
        raise ValueError(f"found `/{path}`; expected the number of a database, such as `/0`")
    return int(path)
