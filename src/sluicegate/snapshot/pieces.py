"""One stored resource by itself: what it is in a snapshot, and what it asks of others.

It passes the checks that a resource of a file passes. What depends on other resources is not looked
at here, so that a piece holds for as long as its content, its secrets and its files are the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot import files, limits, matches, providers, rules, ties
from sluicegate.snapshot.conversion import Converter
from sluicegate.snapshot.document import encode
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.places import Place, place_of, written
from sluicegate.snapshot.references import resolve_stored
from sluicegate.snapshot.source import Source
from sluicegate.snapshot.stored import SECTIONS, place_in_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Document, Kind
    from sluicegate.snapshot.files import Mark
    from sluicegate.snapshot.limits import Limit
    from sluicegate.snapshot.matches import Situation
    from sluicegate.snapshot.policies import PolicyCatalog
    from sluicegate.snapshot.ties import Tie
    from sluicegate.snapshot.uses import Uses

ROOT = Path("/")


class Facts(NamedTuple):
    """What others have to do with a resource.

    `targets` are the labels of a service's targets, `dialects` a provider's; `plan` is a team's;
    `answers` says that what reaches its policies, its service or its AI endpoints goes no further;
    `situations` are what a route takes.
    """

    ties: Sequence[Tie] = ()
    targets: Sequence[Mapping[str, str]] = ()
    plan: str | None = None
    dialects: Sequence[str] = ()
    answers: bool = False
    situations: Sequence[Situation] = ()
    limits: Sequence[Limit] = ()


NO_FACTS = Facts()


class Piece(NamedTuple):
    """A resource that was converted from `content`.

    `raw` is the item's value, None where there are `faults`. `secrets` and `files` are what else it
    was made from: texts by name, None for one that was not there. `draft` hides them in messages.
    """

    content: bytes
    raw: bytes | None
    faults: Sequence[Fault]
    facts: Facts
    secrets: Mapping[str, str | None]
    files: Sequence[Mark]
    draft: Draft | None

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Piece(content={self.content!r}, faults={self.faults!r}, …)"

    def holds(self, content: bytes, secrets: Callable[[str], str]) -> bool:
        """Whether it would be the same again."""
        if self.content != content:
            return False
        if self.secrets and self.secrets != {n: _text_of(n, secrets) for n in self.secrets}:
            return False
        return not self.files or self.files == [files.mark(each.path) for each in self.files]


class PieceMaker:
    """Makes pieces."""

    def __init__(self, catalog: PolicyCatalog, settings: Settings) -> None:
        """Take what a replica can do, such as trace, from its settings."""
        self._catalog = catalog
        self._settings = settings

    def make(self, kind: Kind, name: str, content: bytes, secrets: Callable[[str], str]) -> Piece:
        """Convert what is stored of a resource."""
        try:
            value = msgspec.json.decode(content)
        except ValueError as error:
            place = written(place_in_document(kind, name))
            faults = [Fault(place, 0, f"what is stored is not valid JSON: {error}")]
            return Piece(content, None, faults, NO_FACTS, {}, (), None)
        draft = _draft(kind, name, value)
        found: dict[str, str | None] = {}
        try:
            return self._made(kind, name, content, draft, _noting(secrets, found), found)
        except ConfigError as error:  # so many faults that the rest was not looked at
            return Piece(content, None, error.faults, NO_FACTS, found, (), draft)

    def _made(
        self, kind: Kind, name: str, content: bytes, draft: Draft, secrets: Callable[[str], str],
        found: Mapping[str, str | None],
    ) -> Piece:  # fmt: skip
        """Make a piece; `secrets` notes in `found` what it was asked for. Raises ConfigError."""
        if b"${" in content:
            resolve_stored(draft, secrets)
        if draft.faults:  # what stands in for a secret would have faults of its own
            return Piece(content, None, draft.faults, NO_FACTS, found, (), draft)
        document, uses = self._convert(draft)
        marks = [files.mark(path) for path in files.paths_of(document)]
        raw, facts = (None, NO_FACTS) if draft.faults else _facts(kind, name, document, uses)
        for tie in facts.ties:
            if tie.place in draft.references:  # a complaint about it would show the text
                draft.complain(tie.place, "expected the name itself, without a reference")
        kept = draft if found else None
        if draft.faults:
            return Piece(content, None, draft.faults, NO_FACTS, found, marks, kept)
        return Piece(content, raw, (), facts, found, marks, kept)

    def faults(self, kind: Kind, name: str, value: object) -> list[Fault]:
        """Return what is wrong with a resource that nobody has stored yet.

        Its secrets are not resolved, and what depends on them is not looked at.
        """
        draft = _draft(kind, name, value)
        found, rest = draft.faults, list[Fault]()
        try:
            resolve_stored(draft, lambda secret: f"${{secret:{secret}}}")
            self._convert(draft)
        except ConfigError as error:  # so many faults that the rest was not looked at
            *found, last = error.faults
            rest.append(last)
        places = list(draft.references)
        kept = [fault for fault in found if not _around(place_of(fault.path), places)]
        return kept + rest

    def _convert(self, draft: Draft) -> tuple[Document, Uses]:
        converter = Converter(draft, self._catalog, ROOT)
        document = converter.document({"tracing": self._settings.tracing})
        if _check_paths(draft):
            rules.check_each(draft, document, converter.uses, converter.unmatched)
        alone = rules.counting_alone(self._settings, converter.uses, document.models)
        if alone is not None:
            draft.complain(*alone)
        return document, converter.uses


def _draft(kind: Kind, name: str, value: Any) -> Draft:  # noqa: ANN401 - plain data
    section = SECTIONS[kind]
    return Draft(Source({section: value if kind == "policies" else {name: value}}, None, []))


def _text_of(name: str, secrets: Callable[[str], str]) -> str | None:
    try:
        return secrets(name)
    except KeyError:
        return None


def _noting(secrets: Callable[[str], str], found: dict[str, str | None]) -> Callable[[str], str]:
    def find(name: str) -> str:
        text = found[name] = _text_of(name, secrets)
        if text is None:
            raise KeyError(name)
        return text

    return find


def _around(place: Place, places: Sequence[Place]) -> bool:
    return any(each[: len(place)] == place for each in places)


def _check_paths(draft: Draft) -> bool:
    """Complain about relative paths of TLS files, which have no folder to start at."""
    before = len(draft.faults)
    for section in files.SECTIONS:
        for name, upstream in draft.data.get(section, {}).items():
            tls = upstream.get("tls", {}) if isinstance(upstream, dict) else {}
            given = tls if isinstance(tls, dict) else {}
            for field in files.FIELDS:
                path, place = given.get(field), (section, name, "tls", field)
                if isinstance(path, str) and not path.startswith("/"):
                    message = f"found {draft.show(place, path)}; expected an absolute path"
                    draft.complain(place, message)
    return len(draft.faults) == before


def _facts(kind: Kind, name: str, document: Document, uses: Uses) -> tuple[bytes, Facts]:
    asked = list(ties.of_uses(uses.seen))
    answers = any(use.answers for use in uses.seen)
    named = [limit for limit in limits.counting(uses.seen) if limit.replaceable]
    if kind == "route":
        route = document.routes[name]
        asked += ties.of_route(name, route)
        takes = list(matches.situations(route.match))
        answers = answers or route.service is not None or route.ai is not None
        return encode(route), Facts(asked, answers=answers, situations=takes, limits=named)
    if kind == "service":
        service = document.services[name]
        return encode(service), Facts(targets=[target.labels for target in service.entries])
    if kind == "team":
        team = document.teams[name]
        return encode(team), Facts(list(ties.of_team(name, team)), plan=team.plan)
    if kind == "provider":
        provider = document.providers[name]
        return encode(provider), Facts(dialects=providers.dialects_of(provider))
    if kind == "model":
        model = document.models[name]
        return encode(model), Facts(list(ties.of_model(name, model)))
    value = document.plans[name] if kind == "plan" else document.policies
    return encode(value), Facts(asked, answers=answers, limits=named)
