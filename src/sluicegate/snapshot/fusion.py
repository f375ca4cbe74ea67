"""What a file declares and what is stored, as one configuration.

A pure function of the two: the file's resources win over stored ones of the same name, and a stored
one that does not fit is left out, so that replicas and regions that hold the same run the same.
Kinds are taken in an order in which none names one of a later kind, names in theirs; of two stored
routes that take the same requests the first by name stays. Models name each other, so of those as
many stay as can together.

What was converted once is kept for as long as its content is the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal, NamedTuple

from sluicegate.errors import ConfigError, Fault
from sluicegate.model import units
from sluicegate.model.resource import FieldFault
from sluicegate.model.team import Team
from sluicegate.settings import Settings
from sluicegate.snapshot import looked_up, stored, ties
from sluicegate.snapshot.declared import Declared, declared
from sluicegate.snapshot.document import Resources
from sluicegate.snapshot.matches import same_as
from sluicegate.snapshot.pieces import Piece, PieceMaker
from sluicegate.snapshot.places import Place, place_of, written
from sluicegate.snapshot.rules import NOTHING_ANSWERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sluicegate.snapshot.document import Kind
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.limits import Limit
    from sluicegate.snapshot.policies import PolicyCatalog
    from sluicegate.snapshot.ties import Known

Item = tuple["Kind", str]
Spec = Literal[
    "service", "plan", "team", "provider", "model", "route", "policies", "consumer", "key"
]
NAMELESS = "_"


class Fused(NamedTuple):
    """One configuration, and what is not in it.

    `faults` say why each of `left_out` is; their paths are from a document's root. `shadowed` are
    stored resources that the file declares too. `known` and `limits` are for `check_…`.
    """

    resources: Resources
    faults: Sequence[Fault]
    left_out: frozenset[Item]
    shadowed: frozenset[Item]
    known: Known
    limits: Sequence[Limit]
    drafts: Mapping[Item, Draft]

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Fused({self.resources.revision}, left_out={sorted(self.left_out)}, …)"

    def hide(self, fault: Fault) -> Fault:
        """Take the text of secrets out of a fault that was found later, such as by compiling."""
        item = stored.item_of(fault.path)
        draft = None if item is None else self.drafts.get(item)
        return fault if draft is None else draft.locate(fault)


class Fusion:
    """Fuses one configuration after another. May be called in a thread, one call at a time."""

    def __init__(self, catalog: PolicyCatalog, settings: Settings | None = None) -> None:
        """Take what this replica can do, such as trace, from its settings."""
        self._catalog = catalog
        self._maker = PieceMaker(catalog, settings or Settings())
        self._pieces: dict[Item, Piece] = {}
        self._declared: tuple[Resources, Declared] | None = None

    def fuse(
        self, file: Resources, contents: Mapping[Item, bytes], secrets: Callable[[str], str]
    ) -> Fused:
        """Put both together. `contents` are canonical JSON; those of other kinds are passed over.

        `secrets` returns a stored secret's text, and raises KeyError where there is none.
        """
        work = _Work(file, self._declared_by(file))
        pieces: dict[Item, Piece] = {}
        for kind in stored.FUSED:
            of_kind: dict[str, Piece] = {}
            for name in _names(kind, contents):
                item: Item = (kind, name)
                if item in file.items:
                    work.shadowed.add(item)
                    continue
                had = self._pieces.get(item)
                if had is None or not had.holds(contents[item], secrets):
                    had = self._maker.make(*item, contents[item], secrets)
                pieces[item] = of_kind[name] = had
            work.take(kind, of_kind)
        self._pieces = pieces
        return work.fused()

    def parse_spec(self, kind: Spec, spec: object, name: str = "") -> bytes | list[Fault]:
        """Return the canonical JSON of a resource, or what is wrong with it by itself.

        `spec` is JSON as bytes, or plain data. Paths are from a document's root; without a `name`
        they are from the resource's (`policies` have none, and start at the document's). What
        depends on other resources and on secrets is for `fuse` and `check_…` to say.
        """
        place = stored.place_in_document(kind, name or NAMELESS)
        try:
            value = stored.read(spec, place) if isinstance(spec, bytes) else spec
            raw = stored.canonical(value, place)
        except ConfigError as error:
            return _from(error.faults, place, name)
        if kind == "consumer" or kind == "key":  # noqa: PLR1714 - mypy narrows only this
            faults = looked_up.read(kind, name or NAMELESS, value)[1]
        else:
            faults = self._maker.faults(kind, name or NAMELESS, value)
        return _from(faults, place, name) or raw

    def check_consumer(self, fused: Fused, name: str, spec: object) -> list[Fault]:
        """Return what is wrong with a consumer beside this configuration."""
        found, faults = looked_up.read("consumer", name, spec)
        if found is None:
            return faults
        return looked_up.check(found, ("consumers", name), fused.known, fused.limits)

    def check_key(self, fused: Fused, spec: object, name: str = NAMELESS) -> list[Fault]:
        """Return what is wrong with a key; `spec` says whose it is."""
        found, faults = looked_up.read("key", name, spec)
        if found is None:
            return faults
        return looked_up.check(found, ("keys", name), fused.known, fused.limits)

    def check_team(self, fused: Fused, name: str, spec: object) -> list[Fault]:
        """Return what is wrong with a team."""
        faults = self._maker.faults("team", name, spec)
        if faults:
            return faults
        return looked_up.check(units.convert(spec, Team), ("teams", name), fused.known, ())

    def _declared_by(self, file: Resources) -> Declared:
        if self._declared is None or self._declared[0] is not file:
            self._declared = (file, declared(file, self._catalog))
        return self._declared[1]


def _from(faults: Sequence[Fault], place: Place, name: str) -> list[Fault]:
    """Let paths start at the resource where it has no name."""
    if name or place == ("policies",):
        return list(faults)
    depth = len(place)
    return [Fault(written(place_of(f.path)[depth:]), f.line, f.message) for f in faults]


def _names(kind: Kind, contents: Iterable[Item]) -> list[str]:
    """Return the names of a kind in their order; of `policies` only the one there is."""
    found = (name for of, name in contents if of == kind)
    return sorted(name for name in found if kind != "policies" or not name)


class _Work:
    """One fusion under way."""

    def __init__(self, file: Resources, side: Declared) -> None:
        self.shadowed: set[Item] = set()
        self._file = file
        self._side = side
        self._items: dict[Item, bytes] = {}
        self._faults: list[Fault] = []
        self._left_out: set[Item] = set()
        self._drafts: dict[Item, Draft] = {}
        self._limits: list[Limit] = [*side.limits]
        self._answers = side.answers
        self._taken = dict(side.taken)
        self._known = side.known.copy()

    def take(self, kind: Kind, pieces: Mapping[str, Piece]) -> None:
        """Take the pieces of a kind in, or leave them out. They come in order of their names."""
        if kind == "model":
            self._take_models(pieces)
            return
        for name, piece in pieces.items():
            self._take((kind, name), piece, self._unfit((kind, name), piece))

    def _take_models(self, pieces: Mapping[str, Piece]) -> None:
        """Begin with all, and leave out who has a fault, and who names one that is left out."""
        models, naming = self._known.models, defaultdict[str, set[str]](set)
        models |= dict.fromkeys(pieces)
        for name, piece in pieces.items():
            for tie in piece.facts.ties:
                naming[tie.name].add(name)
        faults: dict[str, Sequence[Fault]] = {}
        looked_at: Iterable[str] = pieces
        while looked_at:
            found = {name: self._unfit(("model", name), pieces[name]) for name in looked_at}
            out = {name: why for name, why in found.items() if why}
            faults |= out
            for name in out:
                del models[name]
            named = set[str]().union(*(naming[name] for name in out))
            looked_at = named - faults.keys()
        for name, piece in pieces.items():
            self._take(("model", name), piece, faults.get(name, ()))

    def _unfit(self, item: Item, piece: Piece) -> Sequence[Fault]:
        if piece.draft is not None:
            self._drafts[item] = piece.draft
        return piece.faults or self._misfits(item, piece)

    def _take(self, item: Item, piece: Piece, faults: Sequence[Fault]) -> None:
        if faults:
            self._faults += faults
            self._left_out.add(item)
        elif piece.raw is not None:
            self._add(item, piece, piece.raw)

    def fused(self) -> Fused:
        """Return what came of it."""
        whole = self._file
        if self._items:
            whole = Resources.of({**self._file.items, **self._items})
        return Fused(
            whole,
            self._faults,
            frozenset(self._left_out),
            frozenset(self.shadowed),
            self._known,
            self._limits,
            self._drafts,
        )

    def _add(self, item: Item, piece: Piece, raw: bytes) -> None:
        (kind, name), facts = item, piece.facts
        self._items[item] = raw
        self._limits += facts.limits
        if kind == "service":
            self._known.services[name] = facts.targets
        elif kind == "plan":
            self._known.plans[name] = None
        elif kind == "team":
            self._known.teams[name] = facts.plan
        elif kind == "provider":
            self._known.providers[name] = facts.dialects
        elif kind == "model":
            self._known.models[name] = None
        elif kind == "policies":
            self._answers = facts.answers
        else:
            self._taken.update(dict.fromkeys(facts.situations, name))

    def _misfits(self, item: Item, piece: Piece) -> list[Fault]:
        """Return why a piece cannot be beside what was taken in before it."""
        (kind, name), facts = item, piece.facts
        faults: list[Fault] = []

        def complain(place: Place, message: str) -> None:
            fault = Fault(written(place), 0, message)
            faults.append(fault if piece.draft is None else piece.draft.locate(fault))

        # Without suggestions: what is said of one must not change with others that come and go.
        ties.check(complain, facts.ties, self._known, suggest=False)
        if kind == "route":
            if not facts.answers and not self._answers:
                complain(("routes", name), NOTHING_ANSWERS)
            taken = self._taken
            other = next((taken[each] for each in facts.situations if each in taken), None)
            if other is not None:
                complain(("routes", name, "match"), same_as(other))
        for limit in facts.limits:
            self._check_own(complain, limit)
        return faults

    def _check_own(self, complain: Callable[[Place, str], None], limit: Limit) -> None:
        for own in self._side.own.get(limit.name, ()):
            if limit.plan is None or limit.plan in own.plans:
                try:
                    limit.config.check_own(own.written)
                except FieldFault as error:
                    complain(limit.place, f"`{own.consumer}` has limits of its own for it: {error}")
