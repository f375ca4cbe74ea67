"""What resources ask of each other: names that must be there, and labels behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sluicegate.model.name_pattern import ANY
from sluicegate.snapshot.faults import hint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sluicegate.model.consumer import Consumer, Key
    from sluicegate.model.model import Model
    from sluicegate.model.route import Route
    from sluicegate.model.team import Team
    from sluicegate.snapshot.places import Place
    from sluicegate.snapshot.uses import Use


class Tie(NamedTuple):
    """A name that must be there.

    `section` is a field of `Known`. Of a service, at least one target must have all of `labels`; a
    provider must speak `dialect`. One that is `asked` for may be one of a model's whose name ends
    in `*`.
    """

    place: Place
    section: str
    name: str
    labels: Mapping[str, str] | None = None
    dialect: str | None = None
    asked: bool = False


class Known(NamedTuple):
    """What is there, by name.

    Services with the labels of their targets, providers with their dialects, None where a fault
    hides them; teams with their plan.
    """

    services: dict[str, Sequence[Mapping[str, str]] | None]
    plans: dict[str, None]
    teams: dict[str, str | None]
    peppers: dict[str, None]
    providers: dict[str, Sequence[str] | None]
    models: dict[str, None]

    def copy(self) -> Known:
        """Return one that can be added to."""
        services, plans, teams, peppers, providers, models = self
        return Known(
            services.copy(), plans.copy(), teams.copy(), peppers.copy(), providers.copy(),
            models.copy(),
        )  # fmt: skip


def of_route(name: str, route: Route) -> Iterator[Tie]:
    """Give what a route names itself; its policies are `of_uses`."""
    place: Place = ("routes", name, "service")
    if isinstance(route.service, str):
        yield Tie(place, "services", route.service)
    elif route.service is not None:
        for position, share in enumerate(route.service):
            yield Tie((*place, position, "service"), "services", share.service, share.labels)
    if route.ai is not None:
        place = ("routes", name, "ai")
        for position, model in enumerate(route.ai.models):
            if ANY not in model:
                yield Tie((*place, "models", position), "models", model, asked=True)
        for position, provider in enumerate(route.ai.proxy):
            yield Tie((*place, "proxy", position), "providers", provider)


def of_uses(uses: Iterable[Use]) -> Iterator[Tie]:
    """Give what policies name."""
    for use in uses:
        for field in use.kind.services:
            name = use.settings.get(field)
            if isinstance(name, str):
                yield Tie((*use.place, field), "services", name)


def of_model(name: str, model: Model) -> Iterator[Tie]:
    """Give what a model names."""
    place: Place = ("models", name)
    for position, each in enumerate(model.deployments):
        where: Place = (*place, "deployments", position, "provider")
        yield Tie(where, "providers", each.provider, dialect=each.dialect)
    for position, fallback in enumerate(model.fallbacks):
        if ANY not in fallback.model:
            yield Tie((*place, "fallbacks", position, "model"), "models", fallback.model)


def of_team(name: str, team: Team) -> Iterator[Tie]:
    """Give what a team names."""
    if team.plan is not None:
        yield Tie(("teams", name, "plan"), "plans", team.plan)


def of_consumer(name: str, consumer: Consumer) -> Iterator[Tie]:
    """Give what a consumer and its keys name."""
    place: Place = ("consumers", name)
    if consumer.plan is not None:
        yield Tie((*place, "plan"), "plans", consumer.plan)
    if consumer.team is not None:
        yield Tie((*place, "team"), "teams", consumer.team)
    for position, key in enumerate(consumer.keys):
        yield from of_key((*place, "keys", position), key)


def of_key(place: Place, key: Key) -> Iterator[Tie]:
    """Give what a key names."""
    if key.plan is not None:
        yield Tie((*place, "plan"), "plans", key.plan)
    if key.hash is not None and key.value is None:
        yield Tie((*place, "hash"), "peppers", key.hash.partition(":")[0])


def check(
    complain: Callable[[Place, str], None],
    ties: Iterable[Tie],
    known: Known,
    *,
    suggest: bool = True,
) -> None:
    """Complain about names that are not there, labels of nobody, and dialects that are not spoken.

    With `suggest` a complaint also says which name may have been meant; without, it depends on
    nothing else that is there.
    """
    for tie in ties:
        names: Mapping[str, object] = getattr(known, tie.section)
        if tie.name not in names and not (tie.asked and _is_one_of_many(tie.name, names)):
            meant = hint(tie.name, names) if suggest else ""
            found = meant or f"; expected a name under `{tie.section}`"
            what = tie.section.removesuffix("s")
            complain(tie.place, f"there is no {what} `{tie.name}`{found}")
        elif tie.labels:
            targets = known.services[tie.name]
            if targets is not None and not any(tie.labels.items() <= t.items() for t in targets):
                message = f"no target of `{tie.name}` has these labels"
                complain((*tie.place[:-1], "labels"), message)
        elif tie.dialect is not None:
            spoken = known.providers[tie.name]
            if spoken is not None and tie.dialect not in spoken:
                message = f"`{tie.name}` does not speak `{tie.dialect}`; expected one of "
                complain((*tie.place[:-1], "dialect"), message + ", ".join(spoken))


def _is_one_of_many(name: str, names: Iterable[str]) -> bool:
    return any(each.endswith(ANY) and name.startswith(each[:-1]) for each in names)
