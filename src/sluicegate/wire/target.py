r"""Request target and Host: the one path rule, for matching and for forwarding.

A path means something else to every server that decodes it differently, so that a rule held here
and not there is a way around it. Therefore the path is brought into one form when it arrives; that
form is what routes are matched against, what policies see and what goes to the target:

1. Refused (400): a `%` without two hexadecimal digits; backslashes, control characters and NUL,
   raw or percent-encoded; spaces; `#`; anything but ASCII.
2. Escapes of unreserved characters (letters, digits, `-._~`) are decoded; all others stay, with
   their digits in upper case (RFC 3986, section 6.2.2).
3. Refused: an encoded slash (`%2F`), unless a server of our own asks for it: names in paths of the
   admin API may hold one. It stays encoded then, so that it is never taken for a separator.
4. Refused: what becomes `.`, `/`, `\`, `%` or a control character when decoded twice (`%252e`).
5. Repeated slashes become one, as nginx `merge_slashes` does.
6. Dot segments are removed (RFC 3986, section 5.2.4), after step 2 and 5. Climbing above the root
   is refused, and so is `..;`, which Java servers take for `..`.

All else that RFC 3986 or llhttp lets through stays as it is. The rule is idempotent: applied to its
own result it changes nothing. The query is passed on raw: it is never decoded, only control
characters, spaces and `#` are refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from sluicegate.errors import BAD_TARGET, MALFORMED, NOT_IMPLEMENTED, Refused

# Nothing to do: no escapes, no empty segments, none that starts with a dot. Possessive, so that a
# target that does not fit fails without backtracking.
CLEAN: Final = re.compile(
    rb"(?:/[!\"$&-\-0->@-[\]-~][!\"$&-.0->@-[\]-~]*+)*+/?"  # path
    rb"(?:\?[!\"$-~]*+)?"  # query
)
ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*+)(.*+)", re.IGNORECASE | re.DOTALL)
FORBIDDEN: Final = re.compile(rb"[\x00-\x20\x7f-\xff#\\]")
FORBIDDEN_IN_QUERY: Final = re.compile(rb"[\x00-\x20\x7f#]")
ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})?")
SLASHES: Final = re.compile(rb"//+")
DOT_SEGMENT_WITH_PARAMETER: Final = re.compile(rb"/\.\.?(?:;|%3B)")
DOUBLY_ENCODED: Final = re.compile(rb"%25(?:2[5EF]|5C|[01][0-9A-F]|7F)", re.IGNORECASE)
UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

HOST: Final = re.compile(
    rb"(?:([0-9A-Za-z_-]++(?:\.[0-9A-Za-z_-]++)*+)\.?|\[([0-9A-Fa-f:.]++)\])(:\d*+)?"
)
MAX_HOST: Final = 255
"""Bytes of a name. RFC 1035, section 2.3.4."""
MAX_PORT: Final = 65535
HOSTS_REMEMBERED: Final = 4096
"""Distinct Host values whose parsed form is kept: about 1 MB at worst."""


class Target(NamedTuple):
    """A parsed request target.

    `host` is the authority of an absolute-form target as sent (it wins over the Host header,
    RFC 9112, section 3.2.2), else None. `path` follows the rule above, or is `*`. `query` is raw,
    without its `?`; None when there was no `?`.
    """

    host: bytes | None
    path: str
    query: bytes | None


def parse_target(method: str, target: bytes, slashes: bool = False) -> Target:  # noqa: FBT001, FBT002 - hot path
    """Parse any of the four forms of RFC 9112, section 3.2.

    Raises Refused: BAD_TARGET, or NOT_IMPLEMENTED for CONNECT. `*` is for OPTIONS only; routes see
    it as the path `*`, which `/**` alone takes. `slashes` keeps encoded ones.
    """
    if method == "CONNECT":
        raise Refused(NOT_IMPLEMENTED, "CONNECT is not served")
    if target and CLEAN.fullmatch(target):
        raw, mark, query = target.partition(b"?")
        if raw:
            return Target(None, raw.decode("ascii"), query if mark else None)
    if target.startswith(b"/"):
        return _origin_form(None, target, slashes)
    if target == b"*" and method == "OPTIONS":
        return Target(None, "*", None)
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused(BAD_TARGET, "expected a path that starts with `/`, or an http(s) URL")
    authority, rest = absolute.groups()
    try:
        parse_host(authority)
    except Refused as error:
        raise Refused(BAD_TARGET, "the URL's host is malformed") from error
    if not rest and method == "OPTIONS":  # RFC 9112, section 3.2.4
        return Target(authority, "*", None)
    return _origin_form(authority, rest if rest.startswith(b"/") else b"/" + rest, slashes)


def _origin_form(host: bytes | None, target: bytes, slashes: bool) -> Target:  # noqa: FBT001 - same
    raw, mark, query = target.partition(b"?")
    path = normalise(raw, slashes=slashes).decode("ascii")
    if not mark:
        return Target(host, path, None)
    if FORBIDDEN_IN_QUERY.search(query):
        raise Refused(BAD_TARGET, "the query holds a space, `#` or a control character")
    return Target(host, path, query)


def normalise(path: bytes, *, slashes: bool = False) -> bytes:
    """Bring a path that starts with `/` into its one form; raises Refused BAD_TARGET.

    `slashes` keeps encoded slashes, encoded.
    """
    if FORBIDDEN.search(path):
        raise Refused(
            BAD_TARGET,
            "the path holds a space, backslash, `#`, a control character or is not ASCII",
        )
    if b"%" in path:
        path = ESCAPE.sub(_unescape_names if slashes else _unescape, path)
        if DOUBLY_ENCODED.search(path):
            raise Refused(BAD_TARGET, "the path is percent-encoded twice")
    path = SLASHES.sub(b"/", path)
    return _without_dot_segments(path) if b"/." in path else path


def _unescape(escape: re.Match[bytes]) -> bytes:
    digits = escape[1]
    if digits is None:
        raise Refused(BAD_TARGET, "a `%` in the path is not followed by two hexadecimal digits")
    code = int(digits, 16)
    if code in UNRESERVED:
        return bytes((code,))
    if code in b"/\\" or code < 0x20 or code == 0x7F:  # noqa: PLR2004 - ASCII's control characters
        raise Refused(BAD_TARGET, "the path holds an encoded slash, backslash or control character")
    return b"%" + digits.upper()


def _unescape_names(escape: re.Match[bytes]) -> bytes:
    digits = escape[1]
    return b"%2F" if digits is not None and digits.upper() == b"2F" else _unescape(escape)


def _without_dot_segments(path: bytes) -> bytes:
    if DOT_SEGMENT_WITH_PARAMETER.search(path):
        raise Refused(BAD_TARGET, "the path holds a dot segment with a parameter")
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            if not kept:
                raise Refused(BAD_TARGET, "the path climbs above the root")
            kept.pop()
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)


@lru_cache(maxsize=HOSTS_REMEMBERED)
def parse_host(value: bytes) -> str:
    """Return the host of a Host header in lower case, without port and trailing dot.

    A name, an IPv4 address, or an IPv6 address in brackets (given back in its shortest form), and
    maybe a port (RFC 9110, section 7.2). Raises Refused MALFORMED for anything else: user
    information, lists, an empty value. Pure, so that the memo is one of results only.
    """
    match = HOST.fullmatch(value)
    if (
        match is None
        or len(value) > MAX_HOST
        or int(match[3][1:] or 0 if match[3] else 0) > MAX_PORT
    ):
        raise Refused(MALFORMED, "expected a host name or address and maybe a port")
    name, address, _port = match.groups()
    if address is None:
        return str(name, "ascii").lower()
    try:
        return f"[{IPv6Address(str(address, 'ascii'))}]"
    except ValueError as error:
        raise Refused(MALFORMED, "expected an IPv6 address in the brackets") from error
