"""Names of routes and models as keys and policies list them: whole, or a part with `*`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sluicegate.model.resource import FieldFault

ANY: Final = "*"


class NamePattern:
    """A name, or a part of one: `*` at an end is any text."""

    __slots__ = ("_after", "_before", "_text")

    def __init__(self, written: str) -> None:
        """Read it. Raises ValueError for `*` elsewhere."""
        self._before = written.startswith(ANY)
        self._after = written.endswith(ANY)
        self._text = written.strip(ANY)
        if ANY in self._text or "**" in written:
            raise ValueError(f"`{written}`: write one `*` at an end, such as `orders-*`")

    def matches(self, name: str) -> bool:
        """Say whether this is such a name."""
        if self._before:
            return self._text in name if self._after else name.endswith(self._text)
        return name.startswith(self._text) if self._after else name == self._text


def read_patterns(written: Sequence[str], field: str) -> tuple[NamePattern, ...]:
    """Read what stands in a list called `field`. Raises FieldFault at the item at fault."""
    patterns: list[NamePattern] = []
    for place, text in enumerate(written):
        try:
            patterns.append(NamePattern(text))
        except ValueError as error:
            raise FieldFault((field, place), str(error)) from error
    return tuple(patterns)


def any_matches(patterns: Sequence[NamePattern], name: str) -> bool:
    """Say whether one of them is such a name."""
    for pattern in patterns:  # noqa: SIM110 - a plain loop is what compiles well
        if pattern.matches(name):
            return True
    return False
