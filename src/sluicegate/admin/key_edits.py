"""What can be done to keys alone, as plans: making them, and rotating them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from sluicegate.admin import specs
from sluicegate.admin.changes import Planned
from sluicegate.admin.edits import Edits
from sluicegate.admin.instants import instant, micros
from sluicegate.admin.problems import Invalid, invalid
from sluicegate.admin.representation import HIDDEN
from sluicegate.admin.tokens import hashed
from sluicegate.errors import CONFLICT, Fault, Refused
from sluicegate.model.key import new_key, parse
from sluicegate.model.units import Duration
from sluicegate.snapshot.places import place_of, written

if TYPE_CHECKING:
    from sluicegate.admin.control import Control
    from sluicegate.admin.identity import Who
    from sluicegate.admin.preconditions import Precondition
    from sluicegate.clock import Clock

DEFAULT_OVERLAP: Final = "24h"
"""Of a rotation. A day is what a roll-out of a client takes."""


class FreshKey(NamedTuple):
    """A key that nobody knows yet: its name, the whole of it, and what is stored of that."""

    name: str
    text: str
    hash: str

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"FreshKey(name={self.name!r}, …)"


class KeyEdits:
    """Plans for one caller. All methods raise Refused, Invalid and StoreAway."""

    def __init__(self, control: Control, who: Who, clock: Clock) -> None:
        """Plan for `who`, who was found to be allowed to write."""
        self._control = control
        self._clock = clock
        self._edits = Edits(control, who)

    def new(self) -> FreshKey:
        """Make a key, hashed under the first pepper. Refused (409) where there is none."""
        peppers = dict(self._control.peppers)
        if not peppers:
            detail = "there is no pepper to hash keys under: expected `peppers` in the file"
            raise Refused(CONFLICT, detail)
        text = new_key(self._control.region)
        name = parse(text.encode())
        if name is None:
            raise RuntimeError(f"the region {self._control.region} cannot stand in a key")
        return FreshKey(name.decode(), text, hashed(text, peppers))

    async def create(self, key: FreshKey, body: bytes) -> list[Planned]:
        """Plan a key as the body has it: JSON of what is stored but the hash."""
        asked = specs.plain(body)
        if not isinstance(asked, dict):
            raise invalid("", "expected a mapping with `consumer`")
        for field in HIDDEN & asked.keys():
            raise invalid(field, f"`{field}` is not a field here")
        self._refuse_past(specs.expires_in(body))
        content = self._canonical({**_given(asked), "hash": key.hash})
        await self._edits.refuse_stranger("", asked["consumer"])
        self._edits.refuse_more("key", None, content)
        return [Planned("key", key.name, None, content)]

    async def rotate(
        self, name: str, key: FreshKey, ends: datetime, expires: datetime | None,
        wanted: Precondition,
    ) -> list[Planned]:  # fmt: skip
        """Plan a key with the rights of another, which is good until `ends` and no longer."""
        newest = await self._edits.found("key", name, wanted)
        old = msgspec.json.decode(newest.content or b"{}")
        until = self.expiry(newest.content)
        new = {**old, "hash": key.hash}
        if expires is not None:
            new["expires"] = _text(expires)
        self._refuse_past(until if expires is None else expires)
        old["expires"] = _text(ends if until is None else min(until, ends))
        content = self._canonical(new)
        self._edits.refuse_more("key", newest, content)
        return [
            Planned("key", key.name, None, content),
            Planned("key", name, newest, self._canonical(old)),
        ]

    def end(self, overlap: str) -> datetime:
        """Return when an overlap that begins now ends."""
        try:
            overlap_s = float(Duration.parse(overlap))
        except ValueError as error:
            raise invalid("overlap", str(error)) from None
        # Whole seconds, as people write them.
        now = instant(self._clock.wall_us()).replace(microsecond=0)
        return now + timedelta(seconds=overlap_s)

    def expiry(self, content: bytes | None) -> datetime | None:
        """Return when a key expires, by its JSON; None for never, and for what is no time."""
        try:
            return msgspec.json.decode(content or b"{}", type=_Expiring).expires
        except msgspec.MsgspecError:
            return None

    def _refuse_past(self, expires: datetime | None) -> None:
        if expires is not None and micros(expires) <= self._clock.wall_us():
            raise invalid("expires", "expected a time to come")

    def _canonical(self, spec: dict[str, Any]) -> bytes:
        return specs.canonical(self._control, "key", "", spec)


@contextmanager
def unnamed(name: str) -> Iterator[None]:
    """Let paths of faults begin at the key: nobody knows its name yet."""
    try:
        yield
    except Invalid as error:
        known = ("keys", name)
        places = [place_of(fault.path) for fault in error.faults]
        paths = [written(place[2:]) if place[:2] == known else written(place) for place in places]
        pairs = zip(paths, error.faults, strict=True)
        raise Invalid([Fault(path, 0, fault.message) for path, fault in pairs]) from None


class _Expiring(msgspec.Struct):
    expires: datetime | None = None


def _given(asked: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was said to be nothing."""
    return {field: value for field, value in asked.items() if value is not None}


def _text(at: datetime) -> str:
    return msgspec.to_builtins(at)  # type: ignore[no-any-return]  # RFC 3339
