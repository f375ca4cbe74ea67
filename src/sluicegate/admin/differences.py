"""What differs between two states of a resource, for people to read before they agree to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from sluicegate.snapshot.places import written

if TYPE_CHECKING:
    from sluicegate.snapshot.places import Place


class Difference(msgspec.Struct, frozen=True):
    """One place that is not as it was. `before` or `after` is null where there is nothing.

    `path` is dotted from the resource's `spec`, list items as `[0]`; empty for the whole of it.
    """

    path: str
    before: Any
    after: Any


def differences(before: Any, after: Any) -> list[Difference]:  # noqa: ANN401 - any JSON
    """Return what differs, in the order of the paths, each as deep down as it can be told."""
    return [Difference(written(place), old, new) for place, old, new in _between((), before, after)]


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether two values are the same JSON. Python's `==` takes `true` for 1."""
    encode = msgspec.json.encode
    return encode(one, order="sorted") == encode(other, order="sorted")


def _between(place: Place, before: Any, after: Any) -> Iterator[tuple[Place, Any, Any]]:  # noqa: ANN401 - any JSON
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            step = (*place, name)
            if name not in before or name not in after:
                yield step, before.get(name), after.get(name)
            else:
                yield from _between(step, before[name], after[name])
    elif isinstance(before, list) and isinstance(after, list):
        yield from _between_lists(place, before, after)
    elif not same(before, after):
        yield place, before, after


def _between_lists(
    place: Place, before: list[Any], after: list[Any]
) -> Iterator[tuple[Place, Any, Any]]:
    """Leave out what both begin and end with, so that one item more is one difference."""
    shorter = min(len(before), len(after))
    first = 0
    while first < shorter and same(before[first], after[first]):
        first += 1
    tail = 0
    while tail < shorter - first and same(before[-1 - tail], after[-1 - tail]):
        tail += 1
    old, new = before[first : len(before) - tail], after[first : len(after) - tail]
    for position in range(max(len(old), len(new))):
        step = (*place, first + position)
        if position < len(old) and position < len(new):
            yield from _between(step, old[position], new[position])
        elif position < len(old):
            yield step, old[position], None
        else:
            yield step, None, new[position]
