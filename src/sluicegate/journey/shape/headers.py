"""`headers`: changes headers of the request, the response or both."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.model.resource import Resource
from sluicegate.policy import PolicyConfig
from sluicegate.wire.http1.names import HOP_BY_HOP, INTERNAL_PREFIX

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.policy import Onward, Parts

NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^`|~-]+$")
VALUE = re.compile(r"^([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$")
FRAMING = frozenset(
    (b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"host")
)
"""Decided by the wire for each connection; `Host` by the service's `preserve_host`."""

Change = Callable[["Headers"], None]


class Changes(Resource, frozen=True, kw_only=True):
    """What happens to a message's headers, in the order `remove`, `set`, `add`."""

    remove: Annotated[list[str], Meta(description="Names that are dropped.")] = []
    set: Annotated[
        dict[str, str], Meta(description="Name to value: becomes the only one of its name.")
    ] = {}
    add: Annotated[
        dict[str, str], Meta(description="Name to value: comes beside others of its name.")
    ] = {}

    def __post_init__(self) -> None:
        """Refuse names that are not the operator's to change, and values that break a head."""
        for name in (*self.remove, *self.set, *self.add):
            _check_name(name)
        for name, value in (*self.set.items(), *self.add.items()):
            if not VALUE.fullmatch(value):
                raise ValueError(
                    f"the value of `{name}` has a line break, a control character, a space at an "
                    "end or a character beyond Latin-1"
                )


class Config(PolicyConfig, frozen=True, kw_only=True):
    """What changes. Framing, hop-by-hop and the gateway's own headers cannot be changed."""

    request: Annotated[Changes, Meta(description="On the way to the service.")] = Changes()
    response: Annotated[Changes, Meta(description="On the way to the client, errors too.")] = (
        Changes()
    )


class Policy:
    """Applies the changes."""

    __slots__ = ("_request", "_response")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare both directions; one without changes costs nothing."""
        self._request = _compile(config.request)
        self._response = _compile(config.response)

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Change the request, and the response before its first byte."""
        if self._request is not None:
            self._request(exchange.request.headers)
        if self._response is not None:
            exchange.on_head(self._change_response)
        await onward(exchange)

    def _change_response(self, exchange: Exchange) -> None:
        if self._response is not None and exchange.response is not None:
            self._response(exchange.response.headers)


def _compile(changes: Changes) -> Change | None:
    setting = [_pair(*item) for item in changes.set.items()]
    adding = [*setting, *(_pair(*item) for item in changes.add.items())]
    dropping = frozenset([name.lower().encode() for name in changes.remove])
    dropping |= {name for name, _ in setting}
    if not dropping and not adding:
        return None

    def change(headers: Headers) -> None:
        if dropping:
            headers[:] = [pair for pair in headers if pair[0] not in dropping]
        headers += adding

    return change


def _pair(name: str, value: str) -> tuple[bytes, bytes]:
    return name.lower().encode(), value.encode("latin-1")


def _check_name(name: str) -> None:
    if not NAME.match(name):
        raise ValueError(f"`{name}` is no header name: write letters, digits and `-`")
    raw = name.lower().encode()
    if raw in FRAMING or raw in HOP_BY_HOP:
        raise ValueError(f"`{name}` belongs to the connection: it cannot be changed here")
    if raw.startswith(INTERNAL_PREFIX):
        raise ValueError(f"`{name}` is one of the gateway's own: it cannot be changed here")
