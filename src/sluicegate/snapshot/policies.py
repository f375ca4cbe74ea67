"""Which policies there are: a file per policy here, or a module that a package names.

A policy of ours is found by its file name, `journey/<stage>/<name>.py`; one of a third party by an
entry point of the group `sluicegate.policies` (the entry point's name is the policy's name). A
module is imported only once it is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from msgspec import inspect

from sluicegate.errors import ConfigError, Fault
from sluicegate.journey import STAGES
from sluicegate.policy import Policy, PolicyConfig

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

GROUP = "sluicegate.policies"


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """One policy: its name in the configuration, its stage, its settings and its code.

    `answers` says that it may answer every request that reaches it, so that its route needs no
    service; the class says so with `answers = True`, or a static method `answers(config)` where it
    depends. `services` are the settings that name a service: a `ServiceName` in the `Config`.
    """

    name: str
    stage: str
    config: type[PolicyConfig]
    policy: type[Policy]
    meaning: str
    answers: bool
    services: tuple[str, ...] = ()

    def answers_all(self, config: PolicyConfig) -> bool:
        """Say whether nothing gets past it with these settings."""
        answers = getattr(self.policy, "answers", False)
        return bool(answers(config) if callable(answers) else answers)


class PolicyCatalog:
    """Every policy that a configuration may name."""

    def __init__(self, third_party: Iterable[EntryPoint] | None = None) -> None:
        """Note the file names of our own; `third_party` replaces the installed entry points."""
        self._files = {
            name: stage for stage in STAGES for name in _modules(f"sluicegate.journey.{stage}")
        }
        self._third_party = third_party
        self._points: dict[str, EntryPoint] | None = None
        self._found: dict[str, PolicyKind | None] = {}

    def find(self, name: str) -> PolicyKind:
        """Return the policy called `name`.

        Raises KeyError when there is none, ConfigError when a third party's module is broken.
        """
        if name not in self._found:
            self._found[name] = self._load(name)
        found = self._found[name]
        if found is None:
            raise KeyError(name)
        return found

    def names(self) -> list[str]:
        """Return every policy's name, in the order of the stages. Imports them all."""
        kinds = [
            kind for name in (*self._files, *self._entry_points()) if (kind := self._try(name))
        ]
        return [k.name for k in sorted(kinds, key=lambda k: (STAGES.index(k.stage), k.name))]

    def _try(self, name: str) -> PolicyKind | None:
        try:
            return self.find(name)
        except (KeyError, ConfigError):
            return None

    def _load(self, name: str) -> PolicyKind | None:
        stage = self._files.get(name)
        if stage is not None:
            module = importlib.import_module(f"sluicegate.journey.{stage}.{name}")
            # The folders also hold what a stage is made of besides policies.
            return _kind(name, stage, module) if hasattr(module, "Policy") else None
        point = self._entry_points().get(name)
        return None if point is None else _load_third_party(point)

    def _entry_points(self) -> dict[str, EntryPoint]:
        if self._points is None:
            given = self._third_party
            found = entry_points(group=GROUP) if given is None else given
            # Ours win: a package must not be able to stand in for `api_key` by being installed.
            self._points = {p.name: p for p in found if p.name not in self._files}
        return self._points


def _modules(package: str) -> list[str]:
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    return [m.name for m in pkgutil.iter_modules(places or []) if not m.ispkg]


def _load_third_party(point: EntryPoint) -> PolicyKind:
    try:
        module = point.load()
        return _kind(point.name, module.STAGE, module)
    # Whatever a stranger's module raises while it is imported is a fault of the configuration
    # that names it, never the end of the process.
    except Exception as error:
        message = f"the policy `{point.name}` ({point.value}) cannot be loaded: {error}"
        raise ConfigError([Fault("", 0, message)]) from error


def _kind(name: str, stage: str, module: ModuleType) -> PolicyKind:
    if stage not in STAGES:
        raise ValueError(f"STAGE is {stage!r}; expected one of {', '.join(STAGES)}")
    if not issubclass(module.Config, PolicyConfig):
        raise TypeError("Config is not a PolicyConfig")
    settings = inspect.type_info(module.Config)  # raises TypeError for fields that cannot be read
    policy: type[Policy] = module.Policy
    meaning = (module.__doc__ or "").strip()
    answers = bool(getattr(policy, "answers", False))
    services = _naming_services(settings)
    return PolicyKind(name, stage, module.Config, policy, meaning, answers, services)


def _naming_services(settings: inspect.Type) -> tuple[str, ...]:
    """Return the names of the fields that are a `ServiceName`."""
    return tuple(
        field.encode_name
        for field in getattr(settings, "fields", ())
        if isinstance(field.type, inspect.Metadata)
        and (field.type.extra or {}).get("names") == "services"
    )
