"""The documentation as text: pages, the blocks in them, and what a block of commands shows.

What a block may hold, and what the tests do with it, is told in docs/README.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```([\w ]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"# (\S+\.\w+)\b")


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, where it begins (the line of its first line), its text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the block is: the name in its first line, else `application.yml`."""
        named = NAME.match(self.text)
        return named[1] if named else "application.yml"

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a `console` block, and what is shown below it."""

    line: int
    text: str
    shown: str


def pages() -> list[Path]:
    """Return every page of prose. What is generated from the sources has tests of its own."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")),
            *sorted((ROOT / "docs" / "howto").glob("*.md"))]  # fmt: skip


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(page, text.count("\n", 0, found.start(2)) + 1, found[1], found[2])
        for found in FENCE.finditer(text)
    ]


def commands(block: Block) -> list[Command]:
    """Split a `console` block: `$ ` begins a command, a `\\` at its end carries it on."""
    found: list[Command] = []
    goes_on = False
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append(Command(number, line[2:], ""))
        elif found and goes_on:
            last = found[-1]
            found[-1] = Command(last.line, f"{last.text}\n{line}", "")
        elif found:
            last = found[-1]
            found[-1] = Command(last.line, last.text, f"{last.shown}{line}\n")
        else:
            raise AssertionError(f"{block}: a console block begins with `$ `")
        goes_on = not found[-1].shown and found[-1].text.endswith("\\")
    return found


def matches(shown: str, printed: str) -> bool:
    """Compare; `…` stands for anything in its line, alone in a line for any lines, even none."""
    pattern = ""
    for line in shown.rstrip().splitlines():
        parts = [re.escape(part) for part in line.rstrip().split("…")]
        pattern += r"(?:.*\n)*?" if line.strip() == "…" else "[^\n]*".join(parts) + "\n"
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None
