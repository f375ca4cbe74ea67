"""Which header names mean something to a gateway, and what is done about them.

A name is looked at once: the answer is remembered (bounded), so that a request costs one dictionary
look-up per header. Everything that is not in these tables is passed on untouched.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from mypy_extensions import mypyc_attr


class RequestField(IntEnum):
    """What a field of a request is to us; `PLAIN` is passed on.

    `UNDERSCORE_TRICK` is a name that servers which read `_` as `-` take for one of the others.
    """

    PLAIN = 0
    HOST = 1
    CONTENT_LENGTH = 2
    TRANSFER_ENCODING = 3
    CONNECTION = 4
    UPGRADE = 5
    EXPECT = 6
    HOP = 7
    FORWARDED = 8
    INTERNAL = 9
    REQUEST_ID = 10
    TRACEPARENT = 11
    UNDERSCORE = 12
    UNDERSCORE_TRICK = 13


class ResponseField(IntEnum):
    """What a field of a response is to us; `PLAIN` is passed on."""

    PLAIN = 0
    CONTENT_LENGTH = 1
    TRANSFER_ENCODING = 2
    CONNECTION = 3
    HOP = 4
    DATE = 5


HOP_BY_HOP: Final = frozenset(
    {b"keep-alive", b"proxy-connection", b"te", b"trailer", b"proxy-authenticate"}
    | {b"proxy-authorization", b"proxy-authentication-info", b"http2-settings"}
)
"""Fields of one connection (RFC 9110, section 7.6.1) beside those that `Connection` names."""

FORWARDED: Final = frozenset({b"forwarded", b"x-real-ip", b"true-client-ip", b"x-client-ip"})
"""Claims about where a request came from, beside `x-forwarded-*`."""

INTERNAL_PREFIX: Final = b"sluicegate-"
"""Fields by which the gateway speaks to targets; never taken from a client."""

OVERRIDES: Final = frozenset(
    {b"sluicegate-deployment", b"sluicegate-timeout", b"sluicegate-fallback"}
)
"""Fields by which clients speak to the gateway (`model_overrides`), not the gateway to targets."""

_REQUEST: Final = {
    b"host": RequestField.HOST,
    b"content-length": RequestField.CONTENT_LENGTH,
    b"transfer-encoding": RequestField.TRANSFER_ENCODING,
    b"connection": RequestField.CONNECTION,
    b"upgrade": RequestField.UPGRADE,
    b"expect": RequestField.EXPECT,
    b"x-request-id": RequestField.REQUEST_ID,
    b"traceparent": RequestField.TRACEPARENT,
}

_RESPONSE: Final = {
    b"content-length": ResponseField.CONTENT_LENGTH,
    b"transfer-encoding": ResponseField.TRANSFER_ENCODING,
    b"connection": ResponseField.CONNECTION,
    b"upgrade": ResponseField.HOP,
    b"date": ResponseField.DATE,
    b"x-request-id": ResponseField.HOP,
}

FORBIDDEN_TRAILERS: Final = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect"}
    | {b"authorization", b"cookie", b"set-cookie", b"content-encoding", b"content-type"}
    | {b"content-range", b"cache-control", b"te", b"trailer"}
)
"""Fields that must not arrive after the body (RFC 9110, section 6.5.1): they are dropped."""


def _request_field(name: bytes) -> RequestField:
    if b"_" in name:
        plain = _request_field(name.replace(b"_", b"-")) is RequestField.PLAIN
        return RequestField.UNDERSCORE if plain else RequestField.UNDERSCORE_TRICK
    if name in _REQUEST:
        return _REQUEST[name]
    if name in HOP_BY_HOP:
        return RequestField.HOP
    if name in FORWARDED or name.startswith(b"x-forwarded-"):
        return RequestField.FORWARDED
    if name.startswith(INTERNAL_PREFIX) and name not in OVERRIDES:
        return RequestField.INTERNAL
    return RequestField.PLAIN


def _response_field(name: bytes) -> ResponseField:
    if name in HOP_BY_HOP and name != b"proxy-authenticate":
        return ResponseField.HOP
    return _RESPONSE.get(name, ResponseField.PLAIN)


@mypyc_attr(native_class=False)
class Names(dict[bytes, tuple[bytes, int]]):
    """Name as received to (lower-case name, what it is to us)."""

    room = 4096

    def __missing__(self, raw: bytes) -> tuple[bytes, int]:
        """Classify a name; remember it while there is room."""
        name = raw.lower()
        entry = (name, self.kind(name))
        if len(self) < self.room:
            self[raw] = entry
        return entry

    def kind(self, name: bytes) -> int:
        """Say what a name in lower case is to us."""
        raise NotImplementedError


@mypyc_attr(native_class=False)
class RequestNames(Names):
    """Names of a client's headers; what they are is a `RequestField`."""

    def kind(self, name: bytes) -> int:
        """Say what a name in lower case is to us."""
        return int(_request_field(name))


@mypyc_attr(native_class=False)
class ResponseNames(Names):
    """Names of a target's headers; what they are is a `ResponseField`."""

    def kind(self, name: bytes) -> int:
        """Say what a name in lower case is to us."""
        return int(_response_field(name))
