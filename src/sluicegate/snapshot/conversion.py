"""Plain data to resources, one at a time, with a complaint for every fault on the way.

What a file declares and what is stored takes the same way. Of a resource that has a fault what is
right is kept, so that the rules find its other faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from sluicegate.model.consumer import Consumer
from sluicegate.model.model import Model
from sluicegate.model.plan import Plan
from sluicegate.model.provider import Provider
from sluicegate.model.route import Match, PolicyUse, Route
from sluicegate.model.service import Service, Target
from sluicegate.model.team import Team
from sluicegate.settings.store import SecretName
from sluicegate.snapshot import files
from sluicegate.snapshot.document import Document, ModelName, Name, Pepper
from sluicegate.snapshot.faults import convert_or_explain, salvage
from sluicegate.snapshot.uses import Uses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place
    from sluicegate.snapshot.policies import PolicyCatalog

NAMES: Final = {"peppers": SecretName, "models": ModelName}

T = TypeVar("T")
R = TypeVar("R", Plan, Route)


class Converter:
    """Builds the structs from a draft's data.

    `uses` are the policies that were seen; `unmatched` the routes whose match has a fault.
    """

    def __init__(self, draft: Draft, catalog: PolicyCatalog, folder: Path) -> None:
        """Relative paths of files start at `folder`."""
        self.uses = Uses(draft, catalog)
        self.unmatched: set[str] = set()
        self._draft = draft
        self._folder = folder

    def document(self, settings: Mapping[str, Any]) -> Document:
        """Build all that can be built; the draft's faults say what is missing from it."""
        made: dict[str, Any] = dict(settings)
        if "policies" in self._draft.data:
            made["policies"] = self._everywhere()
        made["services"] = {n: _plain(s) for n, s in self._named("services", Service).items()}
        made["peppers"] = self._named("peppers", Pepper)
        made["teams"] = self._named("teams", Team)
        made["consumers"] = self._named("consumers", Consumer)
        made["providers"] = self._named("providers", Provider)
        made["models"] = self._named("models", Model)
        made["plans"] = self._with_policies("plans", Plan, self.uses.in_plan)
        made["routes"] = self._with_policies("routes", Route, self.uses.in_route)
        return files.absolute(Document(**made), self._folder)

    def _everywhere(self) -> list[PolicyUse]:
        given = self._draft.data["policies"]
        convert_or_explain(self._draft, ("policies",), given, list[PolicyUse])
        return self.uses.everywhere(("policies",), given)

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
            self.unmatched.add(name)
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
