"""What the types cannot say of models, and of the AI endpoints of routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.journey.limit.terms import Terms
from sluicegate.journey.route.patterns import parse_host_pattern
from sluicegate.model.name_pattern import ANY, NamePattern
from sluicegate.model.resource import FieldFault
from sluicegate.model.route import RouteTimeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.model.model import Deployment, Model
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place

ENDPOINTS: Final = ("/v1/", "/v1beta/", "/proxy/")
PROVIDERS_OWN: Final = "found some beside `ai`; expected them at the providers, each has its own"
TOGETHER: Final = "found a service beside it; expected one of `ai` and `service`"


def check(draft: Draft, document: Document) -> None:
    """Complain about models that cannot work."""
    for name, model in document.models.items():
        place: Place = ("models", name)
        _check_deployments(draft, place, name, model)
        _check_fallbacks(draft, place, name, model)
        cooldown = model.cooldown
        if cooldown.time > cooldown.max_time:
            message = f"found {cooldown.time}; expected at most `max_time`, {cooldown.max_time}"
            draft.complain((*place, "cooldown", "time"), message)
        for position, host in enumerate(model.fetch_images):
            try:
                parse_host_pattern(host)
            except ValueError as error:
                draft.complain((*place, "fetch_images", position), str(error))


def check_routes(draft: Draft, document: Document) -> None:
    """Complain about AI endpoints that cannot be served."""
    for name, route in document.routes.items():
        if route.ai is None:
            continue
        place: Place = ("routes", name, "ai")
        # One that has a fault is given, though it is not in the route.
        if route.service is not None or draft.data["routes"][name].get("service") is not None:
            draft.complain(place, TOGETHER)
        if route.timeouts != RouteTimeouts():
            draft.complain(("routes", name, "timeouts"), PROVIDERS_OWN)
        if not _reaches(route.match.path, route.ai.prefix):
            message = f"no AI endpoint is under {route.match.path}; expected `prefix`"
            draft.complain((*place, "prefix"), message)
        for position, pattern in enumerate(route.ai.models):
            try:
                NamePattern(pattern)
            except ValueError as error:
                draft.complain((*place, "models", position), str(error))


def _reaches(path: str, prefix: str) -> bool:
    """Whether a route's path takes any endpoint behind a prefix."""
    fixed = path.partition("{")[0].removesuffix("**")
    roots = [prefix + root for root in ENDPOINTS]
    return any(root.startswith(fixed) or fixed.startswith(root) for root in roots)


def limited(models: Mapping[str, Model]) -> Place | None:
    """Return where a deployment has a limit that all workers count together."""
    for name, model in models.items():
        for position, each in enumerate(model.deployments):
            for field in ("allow", "concurrent"):
                if getattr(each, field):
                    return ("models", name, "deployments", position, field)
    return None


def _check_deployments(draft: Draft, place: Place, name: str, model: Model) -> None:
    from sluicegate.upstream.models.deployment import deployment_name  # noqa: PLC0415 - only where there are any

    seen: dict[str, int] = {}
    for position, each in enumerate(model.deployments):
        where: Place = (*place, "deployments", position)
        label = deployment_name(name, each)
        first = seen.setdefault(label, position)
        if first != position:
            message = f"`deployments[{first}]` is called `{label}` too; give one of them a `name`"
            draft.complain(where, message)
        _check_stars(draft, (*where, "model"), name, each.model or "")
        _check_allow(draft, where, each)
    if not any(each.weight for each in model.deployments):
        draft.complain((*place, "deployments"), "every weight is 0; expected one above")


def _check_stars(draft: Draft, place: Place, name: str, text: str) -> None:
    if ANY in text and not name.endswith(ANY):
        draft.complain(place, f"`{ANY}` stands for nothing here: `{name}` has none at its end")
    elif text.count(ANY) > 1:
        draft.complain(place, f"found `{ANY}` more than once; expected it once")


def _check_allow(draft: Draft, place: Place, deployment: Deployment) -> None:
    try:
        read = Terms(deployment.allow, "model").read(deployment.allow, "allow")
    except FieldFault as error:
        draft.complain((*place, *error.part), str(error))
        return
    for position, each in enumerate(read):
        if each.kind == "leaky":
            message = "nobody waits for a deployment, others are asked: leave `delay` out"
            draft.complain((*place, "allow", position), message)


def _check_fallbacks(draft: Draft, place: Place, name: str, model: Model) -> None:
    seen: set[str] = set()
    for position, each in enumerate(model.fallbacks):
        where: Place = (*place, "fallbacks", position, "model")
        if each.model == name:
            draft.complain(where, "it is the model itself; expected another one")
        elif each.model.endswith(ANY):
            draft.complain(where, f"`{each.model}` is many models; expected the name of one")
        elif each.model in seen:
            draft.complain(where, f"`{each.model}` is there more than once: write it once")
        seen.add(each.model)
