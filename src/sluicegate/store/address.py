"""Where the store is: what `store.url` says.

    none                                          no store
    sqlite:///sluicegate.db                       a file, from `data_dir`
    sqlite:////var/lib/sluicegate/store.db        a file, wherever
    postgresql://host:port/database               one server; port 5432 is implied
    postgresql://host:port,host:port/database     several; the one that takes writes is used
    postgresql://%2Frun%2Fpostgresql/database     a folder of Unix sockets

Names and passwords are never part of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from sluicegate.settings.store import Store

PORT: Final = 5432
LAST_PORT: Final = 65535
_HOST_PORT: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|(?:[A-Za-z0-9._-]|%2[fF])+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A `store.url`, taken apart. `hosts` that begin with `/` are folders of Unix sockets."""

    kind: Literal["none", "sqlite", "postgresql"]
    path: str = ""
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    database: str = ""

    @property
    def is_here(self) -> bool:
        """Whether every server is on this machine: loopback, or a Unix socket."""
        return all(_is_here(host) for host in self.hosts)

    def file(self, data_dir: str) -> Path:
        """Return the file of SQLite, which stands in `data_dir` unless it says otherwise."""
        return Path(data_dir) / self.path


def parse_address(url: str) -> StoreAddress:
    """Take a URL apart. Raises ValueError that says what was found and what to write."""
    if url == "none":
        return StoreAddress("none")
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return StoreAddress("sqlite", path=_file(rest.removeprefix("/")))
    if scheme != "postgresql":
        raise ValueError("expected `none`, `sqlite:///file` or `postgresql://host:port/database`")
    places, _, database = rest.partition("/")
    hosts, ports = zip(*(_host_port(each) for each in places.split(",")), strict=True)
    database = unquote(database)
    if not database or "/" in database or "\0" in database:
        raise ValueError("expected the name of one database after the host: `/sluicegate`")
    return StoreAddress("postgresql", hosts=hosts, ports=ports, database=database)


def store_faults(store: Store) -> list[tuple[str, str]]:
    """Return what is wrong with settings that are each well-formed: pairs of field and message."""
    try:
        address = parse_address(store.url)
    except ValueError as error:
        return [("url", str(error))]
    faults = [
        (field, "found 0; expected a time above it")
        for field, value in (
            ("timeout", store.timeout),
            ("connect_timeout", store.connect_timeout),
            ("poll", store.poll),
        )
        if not value
    ]
    if address.kind == "postgresql":
        if store.username is None:
            faults.append(("username", "PostgreSQL wants the name of a role; expected one here"))
    else:
        message = f"`{store.url}` is no server; expected nothing here"
        given = (("username", store.username), ("password", store.password))
        faults += [(field, message) for field, value in given if value is not None]
    if (store.tls.certificate is None) != (store.tls.key is None):
        faults.append(("tls", "expected `certificate` and `key` together"))
    return faults


def _file(path: str) -> str:
    if path in {"", "/"} or path.startswith(":") or "\0" in path:
        raise ValueError(f"found `sqlite:///{path}`; expected a file: `sqlite:///sluicegate.db`")
    return path


def _host_port(text: str) -> tuple[str, int]:
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise ValueError(f"found `{text}`; expected `host:port`, such as `10.0.0.5:{PORT}`")
    host, port = unquote(match[1]).strip("[]"), int(match[2] or PORT)
    if "/" in host and not host.startswith("/"):
        raise ValueError(f"found `{text}`; expected an absolute folder: `%2F{text}`")
    if not 0 < port <= LAST_PORT:
        raise ValueError(f"found port {port}; expected 1 to {LAST_PORT}")
    return host, port


def _is_here(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
