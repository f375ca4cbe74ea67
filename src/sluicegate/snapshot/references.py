"""References: `${env:NAME}` and `${file:/path}` in any text value, and `$${` for a plain `${`.

A reference may be the whole value or a part of it. A file's text is taken without its last newline;
a relative path starts at the configuration's own folder.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place

MAX_FILE_BYTES = 2**20
_PIECE = re.compile(r"\$\$\{|\$\{(?P<kind>[a-z-]+):(?P<name>[^{}]+)\}|\$\{[^}]*\}?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EXPECTED = "expected `${env:NAME}` or `${file:/path}`; a plain `${` is written `$${`"


class _CannotResolve(Exception):
    """A reference leads nowhere; the message says why."""


def resolve(draft: Draft, environ: Mapping[str, str], folder: Path) -> None:
    """Replace every reference in the draft by its text; complain about those that lead nowhere."""
    _Resolver(draft, environ, folder).walk(draft.data, ())


class _Resolver:
    def __init__(self, draft: Draft, environ: Mapping[str, str], folder: Path) -> None:
        self._draft = draft
        self._environ = environ
        self._folder = folder

    def walk(self, held: dict[str, Any] | list[Any], place: Place) -> None:
        """Go through a container, changing it in place."""
        items = held.items() if isinstance(held, dict) else enumerate(held)
        for step, value in items:
            if isinstance(value, str):
                if "${" in value:
                    # Values only: replacing one does not disturb the iteration.
                    held[step] = self._text((*place, step), value)  # type: ignore[index]
            elif isinstance(value, dict | list):
                self.walk(value, (*place, step))

    def _text(self, place: Place, text: str) -> str:
        values: dict[str, str] = {}

        def replaced(piece: re.Match[str]) -> str:
            if piece[0] == "$${":
                return "${"
            try:
                values[piece[0]] = self._find(piece)
            except _CannotResolve as error:
                self._draft.complain(place, f"`{piece[0]}`: {error}")
                # Long enough for every secret, so that one missing variable is one fault.
                return piece[0].ljust(64, "?")
            return values[piece[0]]

        result = _PIECE.sub(replaced, text)
        if values:
            self._draft.resolved(place, text, values)
        return result

    def _find(self, piece: re.Match[str]) -> str:
        kind, name = piece["kind"], piece["name"]
        if kind == "env":
            if not _VARIABLE.match(name):
                raise _CannotResolve("not the name of an environment variable")
            if name not in self._environ:
                raise _CannotResolve("this environment variable is not set")
            return _utf8(self._environ[name])
        if kind == "file":
            return self._read(self._folder / name)
        raise _CannotResolve(_EXPECTED)

    def _read(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
            text = raw.decode("utf-8")
        except OSError as error:
            raise _CannotResolve(f"cannot read {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise _CannotResolve(f"{path} is not UTF-8 text") from error
        except ValueError as error:
            raise _CannotResolve("not a path") from error
        if len(raw) > MAX_FILE_BYTES:
            raise _CannotResolve(f"{path} is larger than {MAX_FILE_BYTES} bytes")
        return text.removesuffix("\n").removesuffix("\r")


def _utf8(value: str) -> str:
    # What is not UTF-8 in the environment, Python hides in lone surrogates.
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _CannotResolve("this environment variable is not UTF-8 text") from error
    return value
