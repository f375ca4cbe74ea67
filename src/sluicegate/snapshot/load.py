"""`application.yml` and the environment to settings and resources, or to every fault in them.

    file ──read──▶ draft ──overrides, references──▶ structs ──rules──▶ Loaded

Synchronous; only files are read. It is called in a thread while a loop serves, so it works resource
by resource and never stays long inside one call that holds the interpreter's lock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from sluicegate.errors import ConfigError, Fault
from sluicegate.model.consumer import Consumer
from sluicegate.model.plan import Plan
from sluicegate.model.route import Match, PolicyUse, Route
from sluicegate.model.service import Service, Target
from sluicegate.settings import Settings
from sluicegate.snapshot import files, overrides, references, rules, source
from sluicegate.snapshot.document import Document, Kind, Name, Pepper, PepperName, Resources, encode
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.faults import convert_or_explain, hint, salvage
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.snapshot.uses import Uses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sluicegate.snapshot.places import Place

NAMES: Final = {"peppers": PepperName}
FOLDER_MARK = b"# sluicegate: relative paths start at "

T = TypeVar("T")
R = TypeVar("R", Plan, Route)


@dataclass(frozen=True, slots=True)
class Loaded:
    """An accepted configuration.

    `source` is its text, references intact, behind a line that says where its relative paths
    start, so that it can be kept elsewhere. `draft` knows the line of everything, for faults that
    are found later.
    """

    settings: Settings
    resources: Resources
    source: bytes
    draft: Draft


def load(path: Path, environ: Mapping[str, str], catalog: PolicyCatalog | None = None) -> Loaded:
    """Read a configuration file.

    Raises ConfigError with every fault: of the file as YAML, of settings from the environment
    (their path is the variable, their line 0), of references, types and names.
    """
    raw, folder = _read(path)
    draft = Draft(source.read(raw))
    if not isinstance(draft.source.data, dict):
        if not draft.faults:
            draft.complain((), "found nothing to configure; expected a mapping with `routes`")
        draft.finish()
    overrides.apply(draft, environ)
    references.resolve(draft, environ, folder)
    document = _Converter(draft, catalog or PolicyCatalog(), folder).document()
    draft.finish()
    settings = Settings(**{name: getattr(document, name) for name in Settings.__struct_fields__})
    mark = FOLDER_MARK + json.dumps(str(folder)).encode() + b"\n"
    text = raw if raw.startswith(FOLDER_MARK) else mark + raw.removeprefix(b"\xef\xbb\xbf")
    return Loaded(settings, _resources(document), text, draft)


def _read(path: Path) -> tuple[bytes, Path]:
    """Return the text and the folder that its relative paths start at."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Fault("", 0, f"cannot read {path}: {reason}")]) from error
    if raw.startswith(FOLDER_MARK):
        try:
            return raw, Path(json.loads(raw[len(FOLDER_MARK) :].split(b"\n", 1)[0]))
        except (ValueError, TypeError) as error:
            message = "the first line names no folder; take it out, or run from the original"
            raise ConfigError([Fault("", 1, message)]) from error
    return raw, path.resolve().parent


class _Converter:
    """Builds the structs, one resource at a time, from a draft's data."""

    def __init__(self, draft: Draft, catalog: PolicyCatalog, folder: Path) -> None:
        self._draft = draft
        self._folder = folder
        self._uses = Uses(draft, catalog)
        self._unmatched: set[str] = set()

    def document(self) -> Document:
        """Build all that can be built; the draft's faults say what is missing from it."""
        data = self._draft.data
        known = Document.__struct_fields__
        for name in data:
            if name not in known:
                found = hint(name, known) or f"; expected one of {', '.join(known)}"
                self._draft.complain((name,), f"`{name}` is not a field here{found}")
        made: dict[str, Any] = self._settings()
        made["policies"] = self._everywhere()
        made["services"] = {n: _plain(s) for n, s in self._named("services", Service).items()}
        made["peppers"] = self._named("peppers", Pepper)
        made["consumers"] = self._named("consumers", Consumer)
        made["plans"] = self._with_policies("plans", Plan, self._uses.in_plan)
        made["routes"] = self._with_policies("routes", Route, self._uses.in_route)
        document = files.absolute(Document(**made), self._folder)
        rules.check(self._draft, document, self._uses, self._unmatched)
        return document

    def _settings(self) -> dict[str, Any]:
        made = {}
        for field in msgspec.structs.fields(Settings):
            if field.name not in self._draft.data:
                continue
            given = self._draft.data[field.name]
            value = convert_or_explain(self._draft, (field.name,), given, field.type)
            if value is None and isinstance(field.type, type):
                value = field.type(**salvage(given, field.type))
            if value is not None:
                made[field.name] = value
        return made

    def _everywhere(self) -> list[PolicyUse]:
        data = self._draft.data
        given = data["policies"] if "policies" in data else Document().policies
        convert_or_explain(self._draft, ("policies",), given, list[PolicyUse])
        return self._uses.everywhere(("policies",), given)

    def _named(self, section: str, kind: type[T]) -> dict[str, T]:
        held = self._draft.data.get(section, {})
        if not isinstance(held, dict):
            shown = self._draft.show((section,), held)
            self._draft.complain((section,), f"found {shown}; expected a mapping by name")
            return {}
        made = {}
        for name, value in held.items():
            place = (section, name)
            convert_or_explain(self._draft, place, name, NAMES.get(section, Name))
            found = convert_or_explain(self._draft, place, value, kind)
            if found is None:
                found = self._salvaged(name, value, kind)
            if found is not None:
                made[name] = found
        return made

    def _salvaged(self, name: str, value: object, kind: type[T]) -> T | None:
        """Build what is left of a faulty resource, so that the rules find its other faults."""
        if not isinstance(value, dict) or not isinstance(kind, type):
            return None
        if not issubclass(kind, msgspec.Struct):
            return None
        fields = salvage(value, kind)
        if kind is Route and "match" not in fields:
            self._unmatched.add(name)
            fields["match"] = Match()
        try:
            return kind(**fields)
        except TypeError:  # a field that is required is missing or wrong
            return None

    def _with_policies(
        self, section: str, kind: type[R], check: Callable[[Place, Any], list[PolicyUse]]
    ) -> dict[str, R]:
        made = self._named(section, kind)
        held = self._draft.data.get(section)
        # From the data rather than the structs, so that a route with a fault elsewhere in it has
        # its policies looked at too.
        for name, value in held.items() if isinstance(held, dict) else ():
            given = value.get("policies") if isinstance(value, dict) else None
            if given is None:
                continue
            policies = check((section, name, "policies"), given)
            if name in made:
                made[name] = msgspec.structs.replace(made[name], policies=policies)
        return made


def _plain(service: Service) -> Service:
    """Write bare URLs out, so that both ways to write a target are the same resource."""
    targets = [t if isinstance(t, Target) else Target(url=t) for t in service.targets]
    return msgspec.structs.replace(service, targets=targets)


def _resources(document: Document) -> Resources:
    items: dict[tuple[Kind, str], bytes] = {("policies", ""): encode(document.policies)}
    sections: tuple[tuple[Kind, Mapping[str, object]], ...] = (
        ("service", document.services),
        ("plan", document.plans),
        ("consumer", document.consumers),
        ("pepper", document.peppers),
        ("route", document.routes),
    )
    for kind, section in sections:
        for name, value in section.items():
            items[kind, name] = encode(value)
    return Resources.of(items)
