"""YAML text to plain data that knows the line of each of its pieces.

Built from libyaml's events rather than with a loader, because a loader keeps no lines, recurses as
deep as the text tells it to, follows aliases without end and lets the last of two equal keys win.
Scalars are read as YAML 1.2 reads them, plus the words `yes`, `no`, `on` and `off` of 1.1; numbers
that the two read differently (`010`, `1_000`, `12:30`) are text.
"""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from sluicegate.errors import Fault
from sluicegate.snapshot.places import Place, written

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 64
MAX_ALIASED = 100_000
"""Pieces that aliases may add; a bomb of nine lines would add a billion."""

_WORDS: Final[dict[str, Any]] = {
    word: value
    for names, value in (
        ("null", None),
        ("true yes on", True),
        ("false no off", False),
    )
    for name in names.split()
    for word in (name, name.capitalize(), name.upper())
} | {"": None, "~": None}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(
    r"[-+]?((0|[1-9][0-9]*)?\.[0-9]+([eE][-+]?[0-9]+)?|(0|[1-9][0-9]*)[eE][-+]?[0-9]+)\Z"
)
_MAX_DIGITS = 40
_STR_TAGS = ("!", "tag:yaml.org,2002:str")
FIELD: Final = "on"
"""The one of the words above that is a field too, of `fallbacks`: as a key it is text."""


class Source:
    """What a text says. `data` is the document; `faults` is what is wrong with it as YAML."""

    def __init__(
        self,
        data: Any,  # noqa: ANN401 - any YAML
        lines: dict[int, list[int]] | None,
        faults: list[Fault],
    ) -> None:
        """Keep what was read. `lines` holds, by `id` of each container, the lines of its items.

        Without `lines` there is no file, and every line is 0.
        """
        self.data = data
        self.faults = faults
        self._lines = lines

    @property
    def has_file(self) -> bool:
        """Whether it was read from a file, rather than from what is stored."""
        return self._lines is not None

    def line(self, place: Place) -> int:
        """Return the 1-based line of the piece at `place`, or of what is nearest around it."""
        if self._lines is None:
            return 0
        here, line = self.data, 1
        for step in place:
            position = _position(here, step)
            lines = self._lines.get(id(here))
            if position is None or lines is None or position >= len(lines):
                break  # it is not in the text: an environment variable has put it there
            line, here = lines[position], here[step]
        return line


def _position(here: object, step: str | int) -> int | None:
    if isinstance(here, dict) and step in here:
        return list(here).index(step)
    if isinstance(here, list) and isinstance(step, int) and step < len(here):
        return step
    return None


def read(raw: bytes) -> Source:
    """Read YAML (or JSON, which is YAML). Never raises: the faults are in what it returns."""
    if len(raw) > MAX_BYTES:
        return _refused(1, f"the file has {len(raw)} bytes; expected at most {MAX_BYTES}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return _refused(line, f"byte 0x{raw[error.start]:02x} is not UTF-8; expected UTF-8 text")
    builder = _Builder()
    try:
        builder.run(text)
    except yaml.MarkedYAMLError as error:
        return _refused(*_explain(error, text), builder.faults)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return _refused(line, "a control character that YAML does not allow", builder.faults)
    except _Unusable as error:
        return _refused(error.line, str(error), builder.faults)
    return Source(builder.data, builder.lines, builder.faults)


def read_scalar(text: str) -> Any:  # noqa: ANN401 - any scalar
    """Read a plain (unquoted) scalar: null, a boolean, a number or text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _MAX_DIGITS:
        if _INT.match(text):
            return int(text)
        if _FLOAT.match(text):
            return float(text)
    return text


def _refused(line: int, message: str, faults: list[Fault] | None = None) -> Source:
    return Source(None, {}, [*(faults or []), Fault("", line, message)])


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    lines = text.split("\n")
    for number in (line, line - 1):
        if 0 < number <= len(lines) and lines[number - 1].lstrip(" ").startswith("\t"):
            return number, "a tab; expected spaces in front of a key"
    problem = error.problem or "it cannot be read"
    return line, f"not valid YAML: {problem}" + (f" {error.context}" if error.context else "")


class _Unusable(Exception):
    """Reading cannot go on."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Open:
    """A mapping or sequence that has begun and not yet ended."""

    __slots__ = ("anchor", "key", "key_line", "line", "lines", "merges", "size", "value", "waiting")

    def __init__(self, value: dict[str, Any] | list[Any], anchor: str | None, line: int) -> None:
        self.value = value
        self.line = line
        self.anchor = anchor
        self.lines: list[int] = []
        self.merges: list[tuple[int, Any]] = []
        self.size = 1
        self.key: str = ""
        self.key_line = 0
        self.waiting = False


class _Builder:
    """Builds data from events, with a stack of its own instead of recursion."""

    def __init__(self) -> None:
        self.data: Any = None
        self.lines: dict[int, list[int]] = {}
        self.faults: list[Fault] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._documents = 0

    def run(self, text: str) -> None:
        parser = yaml.CSafeLoader(text)
        try:
            while parser.check_event():
                self._take(parser.get_event())
        finally:
            parser.dispose()

    def _take(self, event: Any) -> None:  # noqa: ANN401 - PyYAML's events have no types
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._open({} if kind is yaml.MappingStartEvent else [], event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event.anchor, event.start_mark.line + 1)
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                line = event.start_mark.line + 1
                raise _Unusable(line, "a second document begins here; expected one document")

    def _scalar(self, event: Any) -> None:  # noqa: ANN401 - PyYAML's events have no types
        line = event.start_mark.line + 1
        value = event.value
        if event.tag is not None:
            if event.tag not in _STR_TAGS:
                self._fault(line, f"the tag {event.tag} is not supported; expected no tag")
        elif event.implicit[0]:
            value = read_scalar(value)
        stack = self._stack
        if stack and not stack[-1].waiting and type(stack[-1].value) is dict:
            self._key(stack[-1], value, event, line)
            return
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1)
        self._put(value, 1, line)

    def _key(self, top: _Open, value: object, event: Any, line: int) -> None:  # noqa: ANN401 - as above
        if not isinstance(value, str):
            value = str(event.value)
            if value != FIELD:
                self._fault(line, f"the key {value} is not text; write it in quotes", value)
        top.key, top.key_line, top.waiting = value, line, True

    def _open(self, value: dict[str, Any] | list[Any], event: Any) -> None:  # noqa: ANN401 - as above
        line = event.start_mark.line + 1
        if event.tag is not None and not event.tag.startswith("tag:yaml.org,2002:"):
            self._fault(line, f"the tag {event.tag} is not supported; expected no tag")
        stack = self._stack
        if stack and not stack[-1].waiting and type(stack[-1].value) is dict:
            raise _Unusable(line, "a mapping or list as a key; expected text")
        if len(stack) >= MAX_DEPTH:
            raise _Unusable(line, f"nested deeper than {MAX_DEPTH} levels")
        stack.append(_Open(value, event.anchor, line))

    def _close(self) -> None:
        done = self._stack.pop()
        if done.merges:
            self._merge(done)
        self.lines[id(done.value)] = done.lines
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.value, done.size)
        self._put(done.value, done.size, done.line)

    def _put(self, value: Any, size: int, line: int) -> None:  # noqa: ANN401 - any YAML
        if not self._stack:
            self.data = value
            return
        top = self._stack[-1]
        top.size += size
        held = top.value
        if isinstance(held, list):
            held.append(value)
            top.lines.append(line)
            return
        top.waiting = False
        if top.key == "<<":
            top.merges.append((top.key_line, value))
        elif top.key in held:
            first = top.lines[list(held).index(top.key)]
            message = f"the key `{top.key}` is here twice, first on line {first}"
            self._fault(top.key_line, message, top.key)
        else:
            held[top.key] = value
            top.lines.append(top.key_line)

    def _merge(self, done: _Open) -> None:
        """Fill in what `<<` brings: keys that are there already stay as they are (YAML 1.1)."""
        held = done.value
        if not isinstance(held, dict):
            return
        for line, value in done.merges:
            for part in value if isinstance(value, list) else [value]:
                if not isinstance(part, dict):
                    self._fault(line, "`<<` takes a mapping or a list of mappings", "<<")
                    continue
                for key, item in part.items():
                    if key not in held:
                        held[key] = item
                        done.lines.append(line)

    def _alias(self, name: str, line: int) -> None:
        stack = self._stack
        if stack and not stack[-1].waiting and type(stack[-1].value) is dict:
            raise _Unusable(line, f"the alias *{name} as a key; expected text")
        if name not in self._anchors:
            raise _Unusable(line, f"the alias *{name} stands inside or before its anchor")
        value, size = self._anchors[name]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise _Unusable(line, f"aliases repeat more than {MAX_ALIASED} pieces")
        # A copy, so that everything after this works on a tree.
        self._put(self._copy(value), size, line)

    def _copy(self, value: Any) -> Any:  # noqa: ANN401 - any YAML
        if not isinstance(value, dict | list):
            return value
        made: Any = (
            {k: self._copy(v) for k, v in value.items()}
            if isinstance(value, dict)
            else [self._copy(v) for v in value]
        )
        self.lines[id(made)] = self.lines[id(value)]
        return made

    def _fault(self, line: int, message: str, key: str | None = None) -> None:
        steps: list[str | int] = []
        for level in self._stack:
            inside = level.value
            steps.append(len(inside) if isinstance(inside, list) else level.key)
        if key is not None and steps:
            steps[-1] = key
        self.faults.append(Fault(written(tuple(steps)), line, message))
