"""What a team was given, and a token of that team may not make more of.

A team chooses neither plans nor limits nor scopes. A key that was given a plan or scopes may be
good for many things that the team's other keys are not; so what bounds such a key stays, or gets
narrower.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.errors import FORBIDDEN, Refused
from sluicegate.journey.screen.networks import read_networks
from sluicegate.model.name_pattern import NamePattern

if TYPE_CHECKING:
    from collections.abc import Sequence

RIGHTS: Final = {"consumer": ("plan", "limits"), "key": ("plan", "scopes")}
"""What says how much a consumer may do: not for tokens of its own team to choose."""


def refuse_more(kind: str, before: bytes | None, after: bytes) -> None:
    """Raise Refused (403) where a content of a team would allow more than the one that is there."""
    old = {} if before is None else msgspec.json.decode(before)
    new = msgspec.json.decode(after)
    for field in RIGHTS.get(kind, ()):
        if (new.get(field) or None) != (old.get(field) or None):
            raise Refused(FORBIDDEN, f"a token of a team may not choose `{field}` of a {kind}")
    if kind != "key" or not any(old.get(field) for field in RIGHTS["key"]):
        return
    for field in _loosened(old, new):
        detail = f"the key was given a plan or scopes: a token of a team may not widen `{field}`"
        raise Refused(FORBIDDEN, detail)


def _loosened(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return which bounds of a key leave out less than before."""
    bounds = {
        "routes": _are_names_within,
        "models": _are_names_within,
        "methods": _are_methods_within,
        "ip_ranges": _are_networks_within,
    }
    found = [
        field
        for field, are_within in bounds.items()
        if old.get(field) and not (new.get(field) and are_within(new[field], old[field]))
    ]
    ends, end = _expiry(old), _expiry(new)
    if ends is not None and (end is None or end > ends):
        found.append("expires")
    return found


def _are_names_within(new: Sequence[str], old: Sequence[str]) -> bool:
    # A pattern whose text another one matches, `*` and all, matches nothing that one does not.
    patterns = [NamePattern(written) for written in old]
    return all(any(pattern.matches(written) for pattern in patterns) for written in new)


def _are_methods_within(new: Sequence[str], old: Sequence[str]) -> bool:
    return set(new) <= {*old, *(["HEAD"] if "GET" in old else [])}


def _are_networks_within(new: Sequence[str], old: Sequence[str]) -> bool:
    held = read_networks(old)
    return all(
        any(
            each.version == other.version and each.subnet_of(other)  # type: ignore[arg-type]
            for other in held
        )
        for each in read_networks(new)
    )


def _expiry(spec: dict[str, Any]) -> datetime | None:
    expires = spec.get("expires")
    return None if expires is None else msgspec.convert(expires, datetime)
