"""`rewrite`: another path for the target than the client's.

Whatever comes out obeys the path rule (wire/target.py) again, by construction: the operator's parts
are checked against it, and of the client's path only whole segments are taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import Refused
from sluicegate.policy import PolicyConfig
from sluicegate.wire.target import normalise

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

PARAMETER = re.compile(r"^\{([a-z][a-z0-9_]*)\}$")
REST = "**"

Rewrite = Callable[[str], str]


class Config(PolicyConfig, frozen=True, kw_only=True):
    """One of three ways: `strip_prefix` and `add_prefix`, `path`, or `match` and `to`."""

    strip_prefix: Annotated[
        str | None,
        Meta(description="Taken off where the path is it, or goes on after it with a `/`."),
    ] = None
    add_prefix: Annotated[
        str | None, Meta(description="Put in front, after `strip_prefix` has been taken off.")
    ] = None
    path: Annotated[str | None, Meta(description="Instead of any path.")] = None
    match: Annotated[
        str | None,
        Meta(
            description="A pattern such as `/users/{id}/**`; other paths stay as they are.",
            examples=["/users/{id}/**"],
        ),
    ] = None
    to: Annotated[
        str | None,
        Meta(
            description="What becomes of it: `{id}` and `**` stand for what they matched.",
            examples=["/v2/people/{id}/**"],
        ),
    ] = None

    def __post_init__(self) -> None:
        """Refuse mixed ways and parts that are no valid path."""
        ways = (
            self.strip_prefix is not None or self.add_prefix is not None,
            self.path is not None,
            self.match is not None or self.to is not None,
        )
        if sum(ways) != 1:
            raise ValueError(
                "write one of: `strip_prefix` and `add_prefix`, `path`, or `match` and `to`"
            )
        _compile(self)


class Policy:
    """Replaces the path."""

    __slots__ = ("_rewrite",)

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Compile the way that was written."""
        self._rewrite = _compile(config)

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Rewrite; the path `*` of OPTIONS is no path."""
        request = exchange.request
        if request.path != "*":
            request.path = self._rewrite(request.path)
        await onward(exchange)


def _compile(config: Config) -> Rewrite:
    if config.path is not None:
        fixed = _checked(config.path)
        return lambda _: fixed
    if config.match is not None or config.to is not None:
        if config.match is None or config.to is None:
            raise ValueError("`match` and `to` belong together")
        return _template(config.match, config.to)
    return _prefixes(config.strip_prefix, config.add_prefix)


def _prefixes(strip: str | None, add: str | None) -> Rewrite:
    for prefix in (strip, add):
        if prefix is not None and (_checked(prefix).endswith("/")):
            raise ValueError(f"`{prefix}`: write a prefix without `/` at its end")
    below, length, front = f"{strip}/", len(strip or ""), add or ""

    def rewrite(path: str) -> str:
        if strip is not None and (path == strip or path.startswith(below)):
            path = path[length:]
        return front + path or "/"

    return rewrite


def _template(match: str, to: str) -> Rewrite:
    """Compile a pattern to a regular expression and a template to pieces of its groups."""
    groups: dict[str, int] = {}
    expression = ""
    for segment in _segments(match):
        parameter = PARAMETER.match(segment)
        if parameter or segment == REST:
            name = parameter[1] if parameter else REST
            if name in groups:
                raise ValueError(f"`{match}` names `{name}` twice")
            groups[name] = len(groups) + 1
        expression += (
            "/([^/]+)" if parameter else "(/.*)?" if segment == REST else "/" + re.escape(segment)
        )
    pieces: list[str | int] = []
    for segment in _segments(to):
        parameter = PARAMETER.match(segment)
        name = parameter[1] if parameter else segment
        if (parameter or segment == REST) and name not in groups:
            raise ValueError(f"`{segment}` in `{to}` is not in `{match}`")
        if parameter:
            pieces += ("/", groups[name])
        else:
            pieces.append(groups[REST] if segment == REST else "/" + segment)
    pattern = re.compile(expression)

    def rewrite(path: str) -> str:
        found = pattern.fullmatch(path)
        if found is None:
            return path
        return "".join([p if isinstance(p, str) else found[p] or "" for p in pieces]) or "/"

    return rewrite


def _segments(pattern: str) -> list[str]:
    """Split a pattern, and refuse one that could make an invalid path."""
    segments = pattern.split("/")[1:]
    plain = [
        "x" if PARAMETER.match(segment) or segment == REST else segment for segment in segments
    ]
    for segment in plain:
        if "{" in segment or "}" in segment or "*" in segment:
            raise ValueError(
                f"`{segment}` in `{pattern}`: a parameter is a whole segment such as `{{id}}`"
            )
    if REST in segments[:-1]:
        raise ValueError(f"`{pattern}`: `**` stands at the end only")
    _checked("/".join(["", *plain]) if pattern.startswith("/") else pattern)
    return segments


def _checked(path: str) -> str:
    """Return a path that is in its one form, or raise ValueError that shows that form."""
    if not path.startswith("/") or "?" in path:
        raise ValueError(f"`{path}` is no path: it starts with `/` and has no query")
    try:
        normal = normalise(path.encode()).decode()
    except Refused as error:
        raise ValueError(f"`{path}`: {error.detail}") from error
    if normal != path:
        raise ValueError(f"`{path}` is another path than it looks: write `{normal}`")
    return path
