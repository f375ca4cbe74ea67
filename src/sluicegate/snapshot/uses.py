"""Where policies are used, and whether they may be used there with those settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from sluicegate.errors import ConfigError
from sluicegate.journey import SECOND_HALF, STAGES
from sluicegate.model import units
from sluicegate.snapshot.faults import convert_or_explain, hint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluicegate.model.route import PolicyUse
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place
    from sluicegate.snapshot.policies import PolicyCatalog, PolicyKind

# A route is known only once its match was found, so what records every exchange cannot be its own.
_IN_ROUTE = tuple(stage for stage in STAGES if stage != "record")


@dataclass(frozen=True, slots=True)
class Use:
    """One policy in one list. `answers`: whatever reaches it goes no further.

    `settings` have their defaults filled in; empty where they have a fault.
    """

    place: Place
    kind: PolicyKind
    answers: bool
    settings: Mapping[str, Any]


class Uses:
    """Checks every list of policies of a configuration, and remembers what it saw."""

    def __init__(self, draft: Draft, catalog: PolicyCatalog) -> None:
        """Complaints go to `draft`; `catalog` knows the policies."""
        self.seen: list[Use] = []
        self._draft = draft
        self._catalog = catalog

    def everywhere(self, place: Place, given: object) -> list[PolicyUse]:
        """Check the list that holds for every route; return it with defaults filled in."""
        return self._check(place, given, STAGES, "")

    def in_route(self, place: Place, given: object) -> list[PolicyUse]:
        """Check a route's list."""
        reason = "it sees requests of every route, so it stands in `policies` at the top"
        return self._check(place, given, _IN_ROUTE, reason)

    def in_plan(self, place: Place, given: object) -> list[PolicyUse]:
        """Check a plan's list."""
        stages = ", ".join(SECOND_HALF)
        reason = f"a plan is known after `authenticate`, so it may hold policies of {stages}"
        return self._check(place, given, SECOND_HALF, reason)

    def _check(
        self, place: Place, given: object, stages: Sequence[str], reason: str
    ) -> list[PolicyUse]:
        made: list[PolicyUse] = []
        for position, use in enumerate(given if isinstance(given, list) else ()):
            # Another shape than one name is a fault of the list's type and was found as such.
            if not isinstance(use, dict) or len(use) != 1:
                continue
            (name, config), where = next(iter(use.items())), (*place, position)
            kind = self._find(where, name)
            if kind is None:
                continue
            if kind.stage not in stages:
                message = f"`{name}` belongs to the stage `{kind.stage}`: {reason}"
                self._draft.complain((*where, name), message)
            answers, settings = self._settings((*where, name), config, kind)
            self.seen.append(Use((*where, name), kind, answers, settings))
            made.append({name: settings})
        return made

    def _find(self, where: Place, name: str) -> PolicyKind | None:
        try:
            return self._catalog.find(name)
        except KeyError:
            names = self._catalog.names()
            found = hint(name, names) or f"; expected one of {', '.join(names)}"
            self._draft.complain((*where, name), f"there is no policy `{name}`{found}")
        except ConfigError as error:
            for fault in error.faults:
                self._draft.complain((*where, name), fault.message)
        return None

    def _settings(
        self, place: Place, config: object, kind: PolicyKind
    ) -> tuple[bool, dict[str, Any]]:
        made = convert_or_explain(self._draft, place, config, kind.config)
        if made is None:
            return kind.answers, {}
        # In one order, sets too: equal settings must be equal bytes, in every process.
        filled: dict[str, Any] = msgspec.to_builtins(
            made, enc_hook=units.encode_hook, order="deterministic"
        )
        return kind.answers_all(made), filled
