"""What `apply` and `diff` read and `export` writes: resources as `application.yml` has them.

Several files are one declaration. Every place in it has a file and a line, also for faults that
only the gateway finds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.kinds import SECTIONS
from sluicegate.cli.table import cell
from sluicegate.settings import Settings
from sluicegate.snapshot.faults import hint
from sluicegate.snapshot.places import Place, place_of
from sluicegate.snapshot.source import Source, read, read_scalar

STDIN: Final = Path("-")
SUFFIXES: Final = frozenset({".yml", ".yaml", ".json"})
WIDTH: Final = 100


class Declaration:
    """Resources by section and name, and where each was read.

    `resources` is what `/apply` takes; `policies` is a list under its section.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.resources: dict[str, Any] = {}
        self.faults: list[str] = []
        self._read: dict[tuple[str, str], tuple[Path, Source]] = {}

    def add(self, file: Path, raw: bytes) -> None:
        """Take in what a file says, and note its faults."""
        source = read(raw)
        self.note(file, source)
        data = {} if source.data is None else source.data
        if not isinstance(data, dict):
            self._complain(file, source, (), "expected a mapping with sections such as `routes`")
            return
        for section, held in data.items():
            if section not in SECTIONS:
                self._complain(file, source, (section,), _not_applied(section))
            elif section == "policies":
                self._take(file, source, (section,), held)
            elif isinstance(held, dict):
                self.resources.setdefault(section, {})
                for name, spec in held.items():
                    self._take(file, source, (section, name), spec)
            elif held is not None:
                self._complain(file, source, (section,), "expected a mapping by name")

    def note(self, file: Path, source: Source) -> None:
        """Note what is wrong with a file as YAML."""
        self.faults += [
            f"{_shown(file)}:{each.line}: {each.path or '(file)'}: {each.message}"
            for each in source.faults
        ]

    def finish(self) -> None:
        """Raise CommandFailed when there is a fault, with all of them."""
        if self.faults:
            count = len(self.faults)
            message = "there is 1 fault" if count == 1 else f"there are {count} faults"
            raise CommandFailed(Exit.REFUSED, f"{message}; nothing was sent", self.faults)

    def locate(self, path: str) -> str:
        """Return where a path of the gateway's is in these files, as `FILE:LINE: path`."""
        place = place_of(path)
        key = _key(place)
        if key not in self._read:
            return path or "(all)"
        file, source = self._read[key]
        return f"{_shown(file)}:{source.line(place)}: {path}"

    def _take(self, file: Path, source: Source, place: Place, spec: object) -> None:
        key = _key(place)
        if key in self._read:
            first, held = self._read[key]
            where = f"{_shown(first)}:{held.line(place)}"
            self._complain(file, source, place, f"it is declared twice, first at {where}")
            return
        self._read[key] = (file, source)
        if len(place) == 1:
            self.resources[key[0]] = spec
        else:
            self.resources[key[0]][key[1]] = spec

    def _complain(self, file: Path, source: Source, place: Place, message: str) -> None:
        path = ".".join(map(str, place)) or "(file)"
        self.faults.append(f"{_shown(file)}:{source.line(place)}: {path}: {message}")


def declared(paths: Sequence[Path]) -> Declaration:
    """Read files, and folders with all that is in them. Raises CommandFailed with every fault."""
    declaration = Declaration()
    for path in paths:
        for file in _files(path):
            declaration.add(file, _raw(file))
    declaration.finish()
    return declaration


def declared_spec(file: Path) -> Any:  # noqa: ANN401 - any JSON
    """Read the file of one resource's `spec`. Raises CommandFailed with every fault."""
    declaration = Declaration()
    source = read(_raw(file))
    declaration.note(file, source)
    declaration.finish()
    return source.data


def written(resources: object) -> str:
    """Write resources as YAML that `declared` reads back the same."""
    text = yaml.dump(
        resources, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH,
        default_flow_style=False,
    )  # fmt: skip
    return str(text)


class _Dumper(yaml.SafeDumper):
    """Quotes all text that our reader would not take for text, and writes no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        """Write everything out."""
        del data
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        """Quote `1e5`, which YAML 1.1 takes for text, and write out every kind of line's end."""
        plain = isinstance(read_scalar(data), str) and data.isprintable()
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if plain else '"')

    yaml_representers = {
        **yaml.SafeDumper.yaml_representers,
        str: represent_str,  # type: ignore[dict-item]  # a method, as PyYAML wants it
    }


def _files(path: Path) -> Iterator[Path]:
    """Yield a file itself; of a folder the files of all depths, by name, without hidden ones."""
    if path == STDIN or not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.suffix in SUFFIXES and file.is_file() and not hidden:
            yield file


def _raw(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
    except OSError as error:
        message = f"{file}: cannot be read: {error.strerror}"
        raise CommandFailed(Exit.REFUSED, message) from None


def _key(place: Place) -> tuple[str, str]:
    if not place:
        return "", ""
    alone = place[0] == "policies" or len(place) == 1
    return str(place[0]), "" if alone else str(place[1])


def _not_applied(section: str) -> str:
    sections = ", ".join(SECTIONS)
    if section in Settings.__struct_fields__ or section == "peppers":
        return f"it is a setting, which a gateway reads from its own file; expected {sections}"
    return f"`{cell(section)}` cannot be applied" + (
        hint(section, SECTIONS) or f"; expected one of {sections}"
    )


def _shown(file: Path) -> str:
    return "(stdin)" if file == STDIN else str(file)
