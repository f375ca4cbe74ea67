"""A store answers as a plain list of revisions would, whatever is written, brought and swept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from hypothesis import example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from sluicegate.settings import Settings
from sluicegate.store.contract import ABSENT, FINAL, Revision, Revoked, Stale, Store
from support.effort import THOROUGH
from support.loops import run
from support.mock_clock import EPOCH_US, MockClock
from support.stores import ANN, change, load, made, opened

KINDS = ("route", "key", "consumer")
MS = 1 << 16


class Write(NamedTuple):
    """Changes of one transaction, as (kind, name, living); with `expected` only what is there."""

    changes: list[tuple[str, str, bool]]
    expected: bool | None


class Bring(NamedTuple):
    """A revision from another region, stamped `ahead_ms` and a count from our clock."""

    kind: str
    name: str
    living: bool
    ahead_ms: int
    count: int


class Wait(NamedTuple):
    """Time passes; then what was superseded by then is swept, perhaps."""

    seconds: int
    sweeps: bool


NAMES = st.sampled_from("abc")
STEPS = st.lists(
    st.builds(
        Write,
        st.lists(st.tuples(st.sampled_from(KINDS), NAMES, st.booleans()), min_size=1, max_size=3),
        st.sampled_from([None, None, True, False]),
    )
    | st.builds(
        Bring,
        st.sampled_from(KINDS),
        NAMES,
        st.booleans(),
        st.integers(-5000, 5000),
        st.integers(0, 2),
    )
    | st.builds(Wait, st.integers(0, 3), st.booleans()),
    max_size=14,
)


def by_stamp(revision: Revision) -> tuple[int, str]:
    return revision.stamp, revision.id


def revokes(revision: Revision) -> bool:
    """Whether it ends its name for good: it wins whatever its stamp is, and no sweep takes it."""
    return revision.kind in FINAL and revision.content is None


class Model:
    """Revisions in the order of their arrival; names of one example begin with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.rows: list[Revision] = []

    def of(self, kind: str, name: str) -> list[Revision]:
        found = [row for row in self.rows if (row.kind, row.name) == (kind, name)]
        return sorted(found, key=by_stamp, reverse=True)

    def head(self, kind: str, name: str) -> Revision | None:
        found = self.of(kind, name)
        found = [row for row in found if revokes(row)] or found
        return found[0] if found else None

    def living(self, kind: str) -> list[Revision]:
        heads = (self.head(kind, self.prefix + name) for name in "abc")
        return [head for head in heads if head is not None and head.content is not None]

    def sweep(self, before_us: int) -> None:
        def stays(row: Revision) -> bool:
            if revokes(row):
                return True
            others = [each for each in self.of(row.kind, row.name) if each.at_us < before_us]
            return not any(by_stamp(each) > by_stamp(row) or revokes(each) for each in others)

        self.rows = [row for row in self.rows if stays(row)]


async def step(model: Model, store: Store, clock: MockClock, settings: Settings, one: Any) -> None:
    if isinstance(one, Write):
        await step_write(model, store, one)
    elif isinstance(one, Bring):
        stamp = (clock.wall_us() // 1000 + one.ahead_ms) * MS + one.count
        spec = {"consumer": "far"} if one.living else None
        row = made(one.kind, model.prefix + one.name, spec, stamp=stamp, at_us=clock.wall_us())
        await load(settings, [row])
        model.rows.append(row)
    else:
        clock.advance(one.seconds)
        if one.sweeps:
            before = len(model.rows)
            model.sweep(clock.wall_us())
            assert await store.sweep(clock.wall_us()) == before - len(model.rows)


async def step_write(model: Model, store: Store, one: Write) -> None:
    asked = []
    for kind, name, living in dict.fromkeys(one.changes):
        head = model.head(kind, model.prefix + name)
        expected = None
        if one.expected is not None:
            there = head is not None and head.content is not None
            expected = head.id if there == one.expected and head is not None else ABSENT
        spec = {"consumer": "here"} if living else None
        asked.append(change(kind, model.prefix + name, spec, expected))
    [wrote] = await asyncio.gather(store.write(asked, ANN), return_exceptions=True)
    if isinstance(wrote, BaseException):
        assert refused(model, asked, wrote)
        return
    for row in wrote:
        newest = model.head(row.kind, row.name)
        assert newest is None or revokes(row) or row.stamp > newest.stamp
        model.rows.append(row)
        assert model.head(row.kind, row.name) == row


def refused(model: Model, asked: Iterable[Any], error: BaseException) -> bool:
    """Say whether one of the changes gives the reason."""
    seen: set[tuple[str, str]] = set()
    for each in asked:
        head = model.head(each.kind, each.name)
        again = (each.kind, each.name) in seen  # follows what this transaction would have written
        seen.add((each.kind, each.name))
        gone = head is not None and head.content is None
        if isinstance(error, Revoked) and each.kind in FINAL and (gone or again):
            return True
        if isinstance(error, Stale) and each.expected is not None:
            absent = head is None or gone
            if again or (each.expected == ABSENT and not absent):
                return True
            if each.expected != ABSENT and (head is None or head.id != each.expected):
                return True
    return False


async def compare(model: Model, store: Store, after: int) -> None:
    current = (await store.current(KINDS)).revisions
    for kind in KINDS:
        living = model.living(kind)
        assert await store.listing(kind, prefix=model.prefix) == living
        assert [r for r in current if r.kind == kind and r.name.startswith(model.prefix)] == living
        for owner in ("here", "far"):
            owned = [row for row in living if row.owner == owner]
            assert await store.listing(kind, prefix=model.prefix, owners=[owner, "-"]) == owned
            assert await store.listing(kind, prefix=model.prefix, owners=[owner]) == owned
        for name in "abc":
            assert await store.head(kind, model.prefix + name) == model.head(
                kind, model.prefix + name
            )
            assert await store.history(kind, model.prefix + name) == model.of(
                kind, model.prefix + name
            )
    arrived = (await store.arrivals(after)).revisions
    assert [msgspec.structs.replace(row, arrival=0) for row in arrived] == model.rows


def test_a_store_answers_as_a_list_would(settings: Settings) -> None:
    numbers = iter(range(10_000))

    @effort(max_examples=250 if THOROUGH else 15)
    @given(STEPS)
    @example([Bring("key", "a", True, 0, 1), Write([("key", "a", False)], None)])
    @example([Bring("key", "a", True, 5000, 0), Write([("key", "a", False)], None)])
    def check(steps: list[Any]) -> None:
        async def work() -> None:
            clock = MockClock(EPOCH_US)
            async with opened(settings, clock) as store:
                model = Model(f"{next(numbers):04}/")
                await store.sweep(clock.wall_us() + 10**12)  # what is left by other examples
                after = (await store.arrivals(10**9)).last
                for one in steps:
                    await step(model, store, clock, settings, one)
                await compare(model, store, after)

        run(work())

    check()


def test_two_writers_and_their_reader_agree(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other:
            tried = [
                (one, other)[n % 2].write([change("key", f"k{n % 4}", {} if n % 5 else None)], ANN)
                for n in range(40)
            ]
            ended = await asyncio.gather(*tried, return_exceptions=True)
            wrote = [row for each in ended if isinstance(each, list) for row in each]
            assert all(isinstance(each, list | Revoked) for each in ended)
            model = Model("")
            model.rows = wrote
            for name in ("k0", "k1", "k2", "k3"):
                assert await one.head("key", name) == model.head("key", name)

    run(work())
