"""How usage is shown: rows of sums, and entries of the ledger; as JSON, and as cells of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from sluicegate.admin.instants import instant
from sluicegate.admin.spreadsheet import usd
from sluicegate.model.resource import Resource

if TYPE_CHECKING:
    from sluicegate.model.ledger import Entry
    from sluicegate.store.ledger import Dimension, UsageRow

Form = Literal["json", "csv"]

SAME: Final = ("requests", "failed", "cached_requests", "estimated", "unsettled", "unpriced",
               "bytes_in", "bytes_out")  # fmt: skip
TOKENS: Final = ("input", "output", "cached", "cache_write", "reasoning")


class UsageItem(Resource, frozen=True, kw_only=True):
    """Sums over calls that are equal in `group`, where null is to have none.

    `unpriced` are requests to models whose price is not known. Of `estimated` and `unsettled` ones
    nobody counted the tokens. `cached_requests` were answered from the cache; `cached_tokens` are
    a part of `input_tokens`, `reasoning_tokens` of `output_tokens`.
    """

    group: Mapping[str, str | None]
    requests: int
    failed: int
    cached_requests: int
    estimated: int
    unsettled: int
    unpriced: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_nano_usd: int
    cost_usd: str
    bytes_in: int
    bytes_out: int

    @classmethod
    def columns(cls, by: Sequence[str]) -> list[str]:
        """Return the names of its cells."""
        return [*by, *(name for name in cls.__struct_fields__ if name != "group")]

    def cells(self) -> list[object]:
        """Return it as a row."""
        own = (getattr(self, name) for name in self.__struct_fields__ if name != "group")
        return [*self.group.values(), *own]


class UsageList(Resource, frozen=True, kw_only=True):
    """Sums over the calls of a time; `next` is `after` of the page behind this one."""

    since: datetime
    until: datetime
    by: Sequence[str]
    items: Sequence[UsageItem]
    next: str | None


class UsageEntry(Resource, frozen=True, kw_only=True):
    """What one exchange used and cost, or where `requests` is more what several did in a minute.

    `key` is the public part of a key. `cost_nano_usd` is null where nobody knows the price.
    `unsettled`: who served it is gone, and what was reserved stands for what it cost.
    """

    id: str
    at: datetime
    requests: int
    consumer: str | None
    team: str | None
    key: str | None
    plan: str | None
    route: str | None
    model: str | None
    provider: str | None
    deployment: str | None
    endpoint: str | None
    asked: str | None
    status: int
    failure: str | None
    attempts: int
    cost_nano_usd: int | None
    cost_usd: str | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    reasoning_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    image_input_tokens: int
    image_output_tokens: int
    estimated: bool
    unsettled: bool
    from_cache: bool
    stream: bool
    duration_us: int
    first_token_us: int
    bytes_in: int
    bytes_out: int
    region: str
    request_id: str

    @classmethod
    def columns(cls) -> list[str]:
        """Return the names of its cells."""
        return list(cls.__struct_fields__)

    def cells(self) -> list[object]:
        """Return it as a row."""
        values = (getattr(self, name) for name in self.__struct_fields__)
        return [each.isoformat() if isinstance(each, datetime) else each for each in values]


class EntryList(Resource, frozen=True, kw_only=True):
    """Entries, newest first; `next` is `after` of the page behind this one."""

    items: Sequence[UsageEntry]
    next: str | None


CHANGED: Final = frozenset({"at", "cost_nano_usd", "cost_usd"})


def row_shown(by: Sequence[Dimension], row: UsageRow) -> UsageItem:
    """Show sums."""
    return UsageItem(
        group=dict(zip(by, row.values, strict=True)),
        cost_nano_usd=row.cost,
        cost_usd=usd(row.cost),
        **{name: getattr(row, name) for name in SAME},
        **{f"{name}_tokens": getattr(row, name) for name in TOKENS},
    )


def entry_shown(entry: Entry) -> UsageEntry:
    """Show an entry."""
    names = [name for name in UsageEntry.__struct_fields__ if name not in CHANGED]
    return UsageEntry(
        at=instant(entry.at_us),
        cost_nano_usd=entry.cost,
        cost_usd=None if entry.cost is None else usd(entry.cost),
        **{name: getattr(entry, name.removesuffix("_tokens")) for name in names},
    )
