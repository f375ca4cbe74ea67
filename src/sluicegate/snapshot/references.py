"""References in any text value, and `$${` for a plain `${`.

A reference may be the whole value or a part of it. In a file: `${env:NAME}` and `${file:/path}`. A
file's text is taken without its last newline; a relative path starts at the configuration's own
folder. In a stored resource: `${secret:name}`, a stored secret. Whoever may write there must not
read the environment and the files of the gateway, so the others are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place

MAX_FILE_BYTES = 2**20
_PIECE = re.compile(r"\$\$\{|\$\{(?P<kind>[a-z-]+):(?P<name>[^{}]+)\}|\$\{[^}]*\}?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_EXPECTED = "expected `${env:NAME}` or `${file:/path}`; a plain `${` is written `$${`"
_EXPECTED_STORED = "expected `${secret:NAME}`; a plain `${` is written `$${`"
_NOT_STORED = (
    "what is stored may not read the environment or the files of the gateway; keep the text with "
    "`sluicegate secret set NAME`, and write `${secret:NAME}`"
)


def refers(text: str) -> bool:
    """Whether there is a reference in a text."""
    return any(piece["kind"] for piece in _PIECE.finditer(text))


class _CannotResolve(Exception):
    """A reference leads nowhere; the message says why."""


def resolve(draft: Draft, environ: Mapping[str, str], folder: Path) -> None:
    """Replace every reference in the draft by its text; complain about those that lead nowhere."""
    _Resolver(draft, _Surroundings(environ, folder).find).walk(draft.data, ())


def resolve_stored(draft: Draft, secrets: Callable[[str], str]) -> None:
    """Do the same for a stored resource; `secrets` raises KeyError for one that is not there."""

    def find(kind: str | None, name: str) -> str:
        if kind in ("env", "file"):
            raise _CannotResolve(_NOT_STORED)
        if kind != "secret":
            raise _CannotResolve(_EXPECTED_STORED)
        try:
            return secrets(name)
        except KeyError as error:
            raise _CannotResolve("there is no secret of this name") from error

    _Resolver(draft, find).walk(draft.data, ())


class _Resolver:
    def __init__(self, draft: Draft, find: Callable[[str | None, str], str]) -> None:
        self._draft = draft
        self._find = find

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
                values[piece[0]] = self._find(piece["kind"], piece["name"])
            except _CannotResolve as error:
                self._draft.complain(place, f"`{piece[0]}`: {error}")
                # Long enough for every secret, so that one missing variable is one fault.
                return piece[0].ljust(64, "?")
            return values[piece[0]]

        result = _PIECE.sub(replaced, text)
        if values:
            self._draft.resolved(place, text, values)
        return result


class _Surroundings:
    """What a file may refer to."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder

    def find(self, kind: str | None, name: str) -> str:
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
