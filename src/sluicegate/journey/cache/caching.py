"""What requests and responses say of being kept: RFC 9111, as a cache that callers share.

Of it: `no-store`, `no-cache`, `private`, `max-age`, `s-maxage`, `Expires`, `Age`, `Vary`,
`Authorization` (section 3.5) and `Pragma` (section 5.4). Nothing is revalidated, so that what would
have to be is not used.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from sluicegate.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Collection


CACHE_CONTROL: Final = b"cache-control"
NEVER: Final = ("no-store", "no-cache", "private")
GRANTS: Final = ("public", "s-maxage", "must-revalidate")
"""What allows keeping an answer to a request with `Authorization` (RFC 9111, section 3.5)."""
MOST_DIGITS: Final = 10
MOST_S: Final = 2**31
"""Of delta-seconds (RFC 9111, section 1.2.2)."""


def directives(headers: Headers) -> dict[str, str]:
    """Return the members of `Cache-Control`, names in lower case; of two alike the first."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name == CACHE_CONTROL:
            for part in value.decode("latin-1").split(","):
                member, _, argument = part.partition("=")
                found.setdefault(member.strip().lower(), argument.strip().strip('"'))
    return found


class Wish:
    """What a request says: `reads` and `keeps` are whether a kept answer may be used, or made.

    `oldest_s` is the age up to which one may be used.
    """

    __slots__ = ("keeps", "oldest_s", "reads")

    def __init__(self, headers: Headers) -> None:
        """Read `Cache-Control`, and `Pragma` where there is none."""
        self.reads = self.keeps = True
        self.oldest_s = MOST_S
        said = directives(headers)
        if "no-store" in said:
            self.reads = self.keeps = False
        elif "no-cache" in said or (not said and headers.get(b"pragma") == b"no-cache"):
            self.reads = False
        elif "max-age" in said:
            self.oldest_s = seconds(said["max-age"])


def life_s(
    request: Headers,
    response: list[tuple[bytes, bytes]],
    known: Collection[bytes],
    default_s: float,
    now_us: int,
) -> float | None:
    """Return for how many seconds from now an answer is good; None where it must not be kept.

    `known` are the headers that its key knows of. `default_s` holds for an answer that does not
    say.
    """
    said = directives(Headers(response))
    if not is_shared(response, known) or any(name in said for name in NEVER):
        return None
    if any(name == b"authorization" for name, _ in request) and not any(
        name in said for name in GRANTS
    ):
        return None
    left = _fresh_s(said, response, default_s, now_us) - age_s(response)
    return left if left > 0 else None


def is_shared(response: list[tuple[bytes, bytes]], known: Collection[bytes]) -> bool:
    """Whether an answer is good for every request of the same key, at least at this moment."""
    for name, value in response:
        if name == b"set-cookie":
            return False
        if name == b"vary":
            names = {each.strip().lower() for each in value.split(b",")}
            if not names <= set(known):
                return False
    said = directives(Headers(response))
    return "no-store" not in said and "private" not in said


def age_s(response: list[tuple[bytes, bytes]]) -> int:
    """Return how old an answer was when it came."""
    for name, value in response:
        if name == b"age":
            return seconds(value.decode("latin-1").strip())
    return 0


def seconds(text: str) -> int:
    """Read delta-seconds; 0 for nonsense, which is then stale (RFC 9111, section 4.2.1)."""
    if not (text.isascii() and text.isdigit()):
        return 0
    return min(MOST_S, int(text[:MOST_DIGITS]))


def _fresh_s(
    said: dict[str, str], response: list[tuple[bytes, bytes]], default_s: float, now_us: int
) -> float:
    for name in ("s-maxage", "max-age"):
        if name in said:
            return seconds(said[name])
    dates = {name: value for name, value in response if name in (b"expires", b"date")}
    if b"expires" in dates:
        date = _moment(dates.get(b"date", b""))
        return (_moment(dates[b"expires"]) or 0.0) - (now_us / 1e6 if date is None else date)
    return default_s


def _moment(value: bytes) -> float | None:
    """Read an HTTP date as seconds since 1970; None for nonsense."""
    try:
        return parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except (ValueError, OverflowError):
        return None
