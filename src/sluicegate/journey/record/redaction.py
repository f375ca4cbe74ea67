"""Takes out of texts what is nobody's business: addresses, numbers of cards and phones, keys.

A marker such as `[email]` stands in the place of each. What is built in is written so that its time
grows with the text and not faster (possessive repeats). Texts are looked at in pieces that overlap,
and the work is a generator that stops after each of them, so that a worker can do other things in
between. This finds what looks like it; it does not know what a name is.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from sluicegate.journey.record.pattern_bound import bounded

Kind = Literal["email", "card", "key", "phone"]
Steps = Generator[None, None, Any]

STEP: Final = 1024
"""Characters in which a find of one look may begin."""
WINDOW: Final = 1536
"""Characters that one look sees."""
MOST_FIND: Final = 16 * 1024
"""Characters of one find; of a longer one everything goes up to the next space or quote."""

EMAIL: Final = re.compile(r"(?<![\w.%+-])[\w.%+-]++@[\w-]++(?:\.[\w-]++)++")
CARD: Final = re.compile(r"(?<!\d)[2-6]\d{3}(?:[ -]?+\d){9,15}+")
"""ISO/IEC 7812: 13 to 19 digits, the last one a check digit; payment cards begin with 2 to 6."""
PHONE: Final = re.compile(
    r"(?<![\w+])(?:\+\d{1,3}+(?:[ .()/-]{0,2}+\d){6,12}+"
    r"|\(\d{3}\)[ .-]?\d{3}[ .-]\d{4}(?!\d)|\d{3}[ .-]\d{3}[ .-]\d{4}(?!\d))"
)
"""E.164: `+` and at most 15 digits; and the North American form."""
KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?<!msg_)(?<!resp_)(?<!cmpl-)(?<!call_)(?<!toolu_)(?<!req_)(?:sk|pk|rk|sg|gsk|xai|hf|npm|pypi|r8|ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abeprs]|pplx"
    r"|csk|nvapi|fw|dop_v1)[-_][-_A-Za-z0-9.]{12,}+"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}+|AIza[-_A-Za-z0-9]{20,}+|ya29\.[-_A-Za-z0-9]{10,}+"
    r"|eyJ[-_A-Za-z0-9]{8,}+\.[-_A-Za-z0-9]{8,}+(?:\.[-_A-Za-z0-9]*+)?+"
    r"|[Bb]earer[ ]{1,4}+[-_A-Za-z0-9.~+/=]{8,}+"
    r"|(?i:password|passwd|secret|api[_-]?key|access[_-]?token)[\"']?+[ ]{0,4}+[:=][ ]{0,4}+[\"']?+"
    r"[^\s\"',;]{4,}+"
    r")|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*+(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?+"
)
"""Prefixes as the vendors give them (GitHub: "secret scanning patterns"), JWT (RFC 7519), PEM. Not
what goes on as such behind the beginning of an id of an answer, a call of a tool or a request."""
BUILT_IN: Final[dict[Kind, re.Pattern[str]]] = {
    "key": KEY,
    "email": EMAIL,
    "card": CARD,
    "phone": PHONE,
}
"""In the order in which they are looked for."""
GAP: Final = re.compile(r"[\s\"']")
DIGITS: Final = range(13, 20)
MOST_PATTERNS: Final = 16


class Redacted(NamedTuple):
    """A value without what was found in it, and how many places that were."""

    value: Any
    places: int


class Redaction:
    """What is looked for."""

    __slots__ = ("_patterns",)

    def __init__(self, kinds: Sequence[Kind], own: Mapping[str, str]) -> None:
        """`own` are expressions by the name that stands in their place. Raises ValueError."""
        if len(own) > MOST_PATTERNS:
            raise ValueError(f"patterns: expected at most {MOST_PATTERNS}")
        found = [(f"[{kind}]", pattern) for kind, pattern in BUILT_IN.items() if kind in kinds]
        for name, written in own.items():
            try:
                found.append((f"[{name}]", bounded(written)))
            except ValueError as error:
                raise ValueError(f"patterns: `{name}` {error}") from None
        self._patterns = found

    def value(self, value: Any) -> Steps:  # noqa: ANN401 - JSON
        """Redact all texts of plain data, names of members too; returns `Redacted`."""
        if isinstance(value, str):
            return (yield from self.text(value))
        places = 0
        if isinstance(value, list):
            items = []
            for each in value:
                done: Redacted = yield from self.value(each)
                items.append(done.value)
                places += done.places
            return Redacted(items, places)
        if isinstance(value, dict):
            members = {}
            for name, each in value.items():
                said: Redacted = yield from self.text(name)
                done = yield from self.value(each)
                members[said.value] = done.value
                places += said.places + done.places
            return Redacted(members, places)
        return Redacted(value, 0)

    def text(self, text: str) -> Steps:
        """Redact a text; returns `Redacted`."""
        places = 0
        for marker, pattern in self._patterns:
            done: Redacted = yield from _without(pattern, marker, text)
            text = done.value
            places += done.places
        return Redacted(text, places)


def _without(pattern: re.Pattern[str], marker: str, text: str) -> Steps:
    kept: list[str] = []
    at = place = 0
    size = len(text)
    while place < size:
        end = min(size, place + WINDOW)
        found = pattern.search(text, place, end)
        yield
        if found is None or (found.start() >= place + STEP and end < size):
            place += STEP
            continue
        stop = _end(pattern, found, end)
        if stop is None:
            place = found.start() + 1
            continue
        kept += [text[at : found.start()], marker]
        at = place = max(stop, found.start() + 1)
    if not kept:
        return Redacted(text, 0)
    places = len(kept) // 2
    return Redacted("".join([*kept, text[at:]]), places)


def _end(pattern: re.Pattern[str], found: re.Match[str], end: int) -> int | None:
    """Return where a find ends; None where it is none. It may go on behind the piece."""
    text = found.string
    if pattern is CARD:
        return _card_end(found)
    if found.end() < end or end == len(text):
        return found.end()
    most = min(len(text), found.start() + MOST_FIND)
    longer = pattern.match(text, found.start(), most)
    if longer is not None and longer.end() < most:
        return max(longer.end(), found.end())
    gap = GAP.search(text, most)
    return len(text) if gap is None else gap.start()


def _card_end(found: re.Match[str]) -> int | None:
    """Return the end of the longest number with a good check digit that ends where digits do."""
    said = found[0]
    text = found.string
    for length in range(len(said), 0, -1):
        if not said[length - 1].isdigit():
            continue
        end = found.start() + length
        if end < len(text) and text[end].isdigit():
            continue
        digits = [int(each) for each in said[:length] if each.isdigit()]
        if len(digits) in DIGITS and _is_checked(digits):
            return end
    return None


def _is_checked(digits: Sequence[int]) -> bool:
    """Check by Luhn's formula (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0
