"""Whether routes' matches are well formed, and whether one can be told from another."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from sluicegate.journey.route.patterns import parse_host_pattern, parse_path
from sluicegate.snapshot.places import Place, written

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sluicegate.model.route import Match, Route
    from sluicegate.snapshot.draft import Draft

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")

Situation = tuple[object, ...]


def check(draft: Draft, name: str, route: Route) -> None:
    """Complain about patterns of a route that cannot be."""
    place: Place = ("routes", name, "match")
    _check_path(draft, place, route.match.path)
    _check_hosts(draft, place, route.match)
    for header in route.match.headers:
        if not _TOKEN.match(header):
            draft.complain((*place, "headers", header), "not the name of a header")
    for position, token in enumerate(route.upgrade):
        if not _TOKEN.match(token):
            where = ("routes", name, "upgrade", position)
            draft.complain(where, "not an `Upgrade` token; expected one such as `websocket`")


def check_apart(draft: Draft, routes: Mapping[str, Route]) -> None:
    """Complain about routes that take the same requests."""
    taken: dict[Situation, str] = {}
    for name, route in routes.items():
        for situation in situations(route.match):
            other = taken.setdefault(situation, name)
            if other != name:
                draft.complain(("routes", name, "match"), same_as(other))
                break


def same_as(other: str) -> str:
    """Say that a route takes what another one takes."""
    return f"takes the same requests as `{written(('routes', other))}`; expected a difference"


def _check_path(draft: Draft, place: Place, path: str) -> None:
    try:
        parse_path(path)
    except ValueError as error:
        draft.complain((*place, "path"), f"{draft.show(place, path)}: {error}")


def _check_hosts(draft: Draft, place: Place, match: Match) -> None:
    for position, host in enumerate(_hosts(match)):
        try:
            parse_host_pattern(host)
        except ValueError as error:
            where = (*place, "host") if isinstance(match.host, str) else (*place, "host", position)
            draft.complain(where, str(error))


def _hosts(match: Match) -> list[str]:
    return [match.host] if isinstance(match.host, str) else match.host or []


def situations(match: Match) -> Iterator[Situation]:
    """Give what a match takes, one for each host and method; equal ones cannot be told apart."""
    try:
        pattern = parse_path(match.path)
        hosts: list[object] = [parse_host_pattern(host) for host in _hosts(match)]
    except ValueError:
        return
    headers = frozenset((name.lower(), value) for name, value in match.headers.items())
    query = frozenset(match.query.items())
    path = (pattern.segments, pattern.tail)
    for host, method in product(dict.fromkeys(hosts or [None]), match.methods or ["*"]):
        yield host, method, path, headers, query
