"""What commands print: tables for people, JSON for programs.

A table is for reading and for `grep`: no frames, no cut-off cells. What comes from elsewhere may
hold anything, so control characters are written out instead of being obeyed by the terminal.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import typer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

GAP: Final = "  "
NOTHING: Final = "-"
_WIDE: Final = frozenset("WF")
_COLOURS: Final = {"ok": "green", "warning": "yellow", "fault": "red"}


class Output:
    """Where a command says things: results to standard output, remarks to standard error."""

    __slots__ = ("as_json",)

    def __init__(self, *, as_json: bool) -> None:
        """Print results as JSON, one document, where `as_json`."""
        self.as_json = as_json

    def result(self, value: object, lines: Iterable[str] = ()) -> None:
        """Print a result: `value` for programs, `lines` for people."""
        if self.as_json:
            typer.echo(msgspec.json.encode(value))
            return
        for line in lines:
            typer.echo(line)

    def remark(self, text: str) -> None:
        """Say something that is not the result."""
        typer.echo(text, err=True)

    def working(self, on: str) -> AbstractContextManager[object]:
        """Show that something takes its time, on a terminal only."""
        from rich.console import Console  # noqa: PLC0415 - `sluicegate run` needs none of it

        return Console(stderr=True).status(on)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return rows under their columns, each column as wide as its widest cell."""
    cells = [[name.upper() for name in columns], *([cell(each) for each in row] for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return [
        GAP.join(_coloured(text, width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def cell(value: object) -> str:
    """Write a value in one line; nothing is `-`."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value)) or NOTHING
    if isinstance(value, dict):
        return plain(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(str(value))


def plain(text: str) -> str:
    """Write out what a terminal would obey: control characters, and marks that change direction."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def compact(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Write any JSON value in one line, text without its quotes where that is clear."""
    if isinstance(value, str) and value and not set(value) & set("\"'{}[],:# "):
        return plain(value)
    return plain(json.dumps(value, ensure_ascii=False))


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in _WIDE for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _coloured(text: str, width: int) -> str:
    padded = text + " " * (width - _width(text))
    colour = _COLOURS.get(text)
    return typer.style(padded, fg=colour) if colour else padded
