"""Which route takes a request: hosts in dictionaries, paths in tries, nothing scanned.

Of several routes that match, the most specific takes the request:

1. by host: exact, then the longest wildcard (`*.a.example.com` before `*.example.com`), then none;
2. by path, compared segment by segment: literal, then `{parameter}`, then `/**`;
3. by the number of header and query matches;
4. one that names methods before one that does not;
5. by name, in alphabetical order.

When the most specific one fails on method, headers or query, the next one is tried. So a request
costs a look-up per label of its host and per segment of its path, however many routes there are;
only routes of the same host and path are compared one by one. Where literals and parameters stand
side by side on several levels both branches may have to be seen.

A CORS preflight asks on behalf of another method. It finds the route that would take that method,
if the route has someone to answer preflights, and otherwise is an OPTIONS request like any other.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sluicegate.errors import METHOD_NOT_ALLOWED, NO_ROUTE, Refused
from sluicegate.journey.route.header_match import Conditions
from sluicegate.journey.route.patterns import MatchFault, parse_host_pattern, parse_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Request
    from sluicegate.model.route import Match

T = TypeVar("T")
Accept = Callable[["Sequence[Candidate]"], "Candidate | None"]


class Candidate:
    """One route as the index knows it: by name, with what host and path do not say."""

    __slots__ = ("answers_preflight", "conditions", "hosts", "methods", "name", "order", "path")

    def __init__(self, name: str, match: Match, *, answers_preflight: bool) -> None:
        """Read a match; raises MatchFault."""
        self.name = name
        self.answers_preflight = answers_preflight
        self.path = _part("path", lambda: parse_path(match.path))
        written = match.host if isinstance(match.host, list) else [match.host] if match.host else []
        self.hosts = _part("host", lambda: [parse_host_pattern(host) for host in written])
        conditions = _part("headers", lambda: Conditions(match.headers, match.query))
        self.conditions = conditions if len(conditions) else None
        self.methods: frozenset[str] | None = None
        if match.methods is not None:
            head = ("HEAD",) if "GET" in match.methods else ()
            self.methods = frozenset((*match.methods, *head))
        self.order = (-len(conditions), self.methods is None, name)

    def __lt__(self, other: Candidate) -> bool:
        """Order candidates of one host and path: the more specific first."""
        return self.order < other.order

    def takes(self, request: Request) -> bool:
        """Whether method, headers and query are as the route wants them."""
        method = request.method
        if method == "OPTIONS" and self.answers_preflight:
            asked = preflight_method(request)
            if asked is not None:
                return self._takes_preflight(request, asked)
        if self.methods is not None and method not in self.methods:
            return False
        return self.conditions is None or self.conditions.hold(request)

    def _takes_preflight(self, request: Request, asked: str) -> bool:
        if self.methods is not None and not self.methods & {asked, "OPTIONS"}:
            return False
        return self.conditions is None or self.conditions.may_hold_after_preflight(request)


class Node:
    """One place in a trie of paths: what goes on from it, and which routes end at it."""

    __slots__ = ("ends", "literals", "param", "tails")

    def __init__(self) -> None:
        """Start as a place where nothing ends."""
        self.literals: dict[str, Node] = {}
        self.param: Node | None = None
        self.ends: list[Candidate] = []
        self.tails: list[Candidate] = []

    def add(self, candidate: Candidate) -> None:
        """Hang a candidate in below this root."""
        node = self
        for segment in candidate.path.segments:
            if segment is not None:
                node = node.literals.setdefault(segment, Node())
            else:
                node.param = node.param or Node()
                node = node.param
        insort(node.tails if candidate.path.tail else node.ends, candidate)


def seek(node: Node, segments: Sequence[str], at: int, accept: Accept) -> Candidate | None:
    """Offer `accept` what fits `segments[at:]`, the most specific first, until it takes one."""
    end = len(segments)
    while at < end and node.param is None and not node.tails:  # only one way to go on
        following = node.literals.get(segments[at])
        if following is None:
            return None
        node = following
        at += 1
    found: Candidate | None = None
    if at == end:
        if node.ends:
            found = accept(node.ends)
    else:
        segment = segments[at]
        literal = node.literals.get(segment)
        if literal is not None:
            found = seek(literal, segments, at + 1, accept)
        if found is None and node.param is not None and segment:
            found = seek(node.param, segments, at + 1, accept)
    if found is None and node.tails:
        found = accept(node.tails)
    return found


class RouteIndex:
    """Every candidate, by host and path. Filled once, then only read."""

    __slots__ = ("_exact", "_others", "_wildcards")

    def __init__(self) -> None:
        """Start empty."""
        self._exact: dict[str, Node] = {}
        self._wildcards: dict[str, Node] = {}
        self._others = Node()

    def add(self, candidate: Candidate) -> None:
        """Put a candidate in its places."""
        if not candidate.hosts:
            self._others.add(candidate)
        for wildcard, name in candidate.hosts:
            table = self._wildcards if wildcard else self._exact
            table.setdefault(name, Node()).add(candidate)

    def find(self, request: Request) -> Candidate:
        """Return what takes the request.

        Raises Refused: METHOD_NOT_ALLOWED with `Allow`, when only the method is in the way, else
        NO_ROUTE.
        """
        found = self._seek(request, partial(_first_taking, request))
        if found is None and preflight_method(request) is not None:
            # Nobody takes the announced method: whoever answers preflights says so best.
            found = self._seek(request, _first_answering_preflight)
        if found is not None:
            return found
        allowed: set[str] = set()
        self._seek(request, partial(_collect_methods, request, allowed))
        if not allowed:
            raise Refused(NO_ROUTE)
        allow = ", ".join(sorted(allowed)).encode()
        raise Refused(METHOD_NOT_ALLOWED, headers=((b"allow", allow),))

    def _seek(self, request: Request, accept: Accept) -> Candidate | None:
        segments = request.path.split("/")
        if self._exact or self._wildcards:
            for root in self._roots(request.host):
                found = seek(root, segments, 1, accept)
                if found is not None:
                    return found
        return seek(self._others, segments, 1, accept)

    def _roots(self, host: str) -> list[Node]:
        """Return the tries for a host, the most specific first, without that for every host."""
        roots = [self._exact.get(host)]
        dot = host.find(".")
        while dot >= 0 and self._wildcards:
            roots.append(self._wildcards.get(host[dot + 1 :]))
            dot = host.find(".", dot + 1)
        return [root for root in roots if root is not None]


def _first_taking(request: Request, candidates: Sequence[Candidate]) -> Candidate | None:
    for candidate in candidates:
        if candidate.takes(request):
            return candidate
    return None


def _first_answering_preflight(candidates: Sequence[Candidate]) -> Candidate | None:
    return next((c for c in candidates if c.answers_preflight), None)


def _collect_methods(
    request: Request, allowed: set[str], candidates: Sequence[Candidate]
) -> Candidate | None:
    for candidate in candidates:
        if candidate.methods and (
            candidate.conditions is None or candidate.conditions.hold(request)
        ):
            allowed |= candidate.methods
    return None


def preflight_method(request: Request) -> str | None:
    """Return the method that a CORS preflight asks for; None when the request is not one."""
    if request.method != "OPTIONS" or request.headers.get(b"origin") is None:
        return None
    asked = request.headers.get(b"access-control-request-method")
    return None if asked is None else asked.decode("latin-1")


def _part(part: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise MatchFault(part, str(error)) from error
