"""Hosts and paths of routes as they are written, read into the form requests are matched in."""

from __future__ import annotations

from typing import NamedTuple

from sluicegate.errors import Refused
from sluicegate.wire.target import normalise, parse_host

MAX_SEGMENTS = 64
"""Of a route's path. Deeper ones are a mistake, and the walk is recursive."""


class MatchFault(ValueError):
    """A match cannot be used. `part` is its field at fault."""

    def __init__(self, part: str, message: str) -> None:
        """Say what was expected of which field."""
        super().__init__(message)
        self.part = part


class PathPattern(NamedTuple):
    """A route's path, read. None in `segments` stands for a parameter."""

    segments: tuple[str | None, ...]
    tail: bool
    params: tuple[tuple[str, int], ...]
    """Names of the parameters and their places, counted from 1 as in `path.split("/")`."""


def parse_path(written: str) -> PathPattern:
    """Read `/a/b`, `/a/{id}` or `/a/**`; raises ValueError that says what was expected.

    Literals are brought into the form that requests are matched in (see wire/target.py).
    """
    head, tail = (written[:-3], True) if written.endswith("/**") else (written, False)
    pieces = head.split("/")[1:]
    if len(pieces) > MAX_SEGMENTS:
        raise ValueError(f"expected at most {MAX_SEGMENTS} segments, got {len(pieces)}")
    params: list[tuple[str, int]] = []
    segments: list[str | None] = []
    for place, piece in enumerate(pieces, 1):
        if piece.startswith("{") and piece.endswith("}") and piece[1:-1].isidentifier():
            if any(name == piece[1:-1] for name, _ in params):
                raise ValueError(f"the parameter {piece} occurs twice")
            params.append((piece[1:-1], place))
            segments.append(None)
        else:
            segments.append(_literal(piece, last=place == len(pieces) and not tail))
    return PathPattern(tuple(segments), tail, tuple(params))


def _literal(piece: str, *, last: bool) -> str:
    if "*" in piece or "{" in piece or "}" in piece:
        raise ValueError(f"expected a whole segment `{{name}}`, or `/**` at the end, got {piece!r}")
    if not piece and not last:
        raise ValueError("expected no empty segments: repeated slashes of requests are merged")
    escaped = "".join(c if c.isascii() else _escape(c) for c in piece).encode()
    try:
        normal = normalise(b"/" + escaped).decode("ascii")
    except Refused as error:
        raise ValueError(f"no request has the segment {piece!r}: {error}") from error
    if piece and (normal == "/" or normal.count("/") > 1 or "?" in normal):
        raise ValueError(f"no request has the segment {piece!r}: queries and dots are taken out")
    return normal[1:]


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())


def parse_host_pattern(written: str) -> tuple[bool, str]:
    """Read `a.example.com` or `*.example.com`: whether it is a wildcard, and the name.

    Raises ValueError that says what was expected.
    """
    wildcard = written.startswith("*.")
    name = written[2:] if wildcard else written
    port = ":" in name.rpartition("]")[2]
    if not port and name.isascii():
        try:
            return wildcard, parse_host(name.encode())
        except Refused:
            pass
    raise ValueError(f"expected `a.example.com` or `*.example.com`, no port, got {written!r}")
