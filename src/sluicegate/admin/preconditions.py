"""`If-Match` and `If-None-Match` (RFC 9110, section 13.1): what must be there for a change.

The entity tag of a resource is the id of its newest revision, quoted. Tags here are strong: a weak
one never matches. What cannot be read matches nothing, so that nothing is overwritten by mistake.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

ANY: Final = "*"
_TAG: Final = re.compile(r'(?P<weak>W/)?"(?P<opaque>[!#-~]*)"\s*(?:,\s*|$)')


class Precondition(NamedTuple):
    """What a request wants to be there.

    `tags` are those of `If-Match`, None without that header, `*` among them for any. `absent`
    wants that there is nothing.
    """

    tags: frozenset[str] | None = None
    absent: bool = False

    @property
    def given(self) -> bool:
        """Whether anything was asked for."""
        return self.absent or self.tags is not None

    def holds(self, newest: str | None) -> bool:
        """Whether it does where `newest` is the id of the living revision, None without one."""
        if self.absent and newest is not None:
            return False
        if self.tags is None:
            return True
        return newest is not None and (ANY in self.tags or newest in self.tags)


def etag(revision_id: str) -> str:
    """Write the entity tag of a revision."""
    return f'"{revision_id}"'


def precondition(if_match: str | None, if_none_match: str | None = None) -> Precondition:
    """Read the headers of a write. Of `If-None-Match` only `*` means something there."""
    absent = if_none_match is not None and if_none_match.strip() == ANY
    return Precondition(None if if_match is None else _tags(if_match), absent)


def _tags(text: str) -> frozenset[str]:
    text = text.strip()
    if text == ANY:
        return frozenset({ANY})
    tags, at = set(), 0
    while at < len(text):
        found = _TAG.match(text, at)
        if found is None:
            return frozenset()
        if not found["weak"]:
            # A quoted star is a tag like any other, and none of ours.
            tags.add(found["opaque"] if found["opaque"] != ANY else "")
        at = found.end()
    return frozenset(tags)
