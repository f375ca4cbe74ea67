"""What a configuration says of money that is allowed, and most likely not meant.

A hard budget refuses calls of models whose price nobody knows. Prices are per million tokens;
LiteLLM's `input_cost_per_token` is per token, so a price copied from there is a million times less.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sluicegate.cli.examination.finding import Finding
from sluicegate.llm.price_book import PriceBook
from sluicegate.model.model import Model
from sluicegate.model.name_pattern import ANY
from sluicegate.model.price import NANO, nano_usd
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.steps import GATEWAY, plan_scope, route_scope

if TYPE_CHECKING:
    from sluicegate.model.price import Price
    from sluicegate.model.provider import Provider
    from sluicegate.snapshot.document import Resources

WHAT: Final = "prices"
LEAST_NANO: Final = NANO // 2000
"""Of a million tokens of input: 0.0005 USD. The cheapest of genai-prices 0.2.3 costs 0.003."""
UNIT: Final = "a price is per million tokens, not per token"


def money_findings(resources: Resources) -> list[Finding]:
    """Look at prices of deployments, and at routes that an archive names."""
    models: dict[str, Model] = {}
    providers: dict[str, Provider] = {}
    for (kind, name), raw in resources.items.items():
        if kind == "model":
            models[name] = decode(kind, raw)
        elif kind == "provider":
            providers[name] = decode(kind, raw)
    found = [*_small(models), *_missing(resources)]
    hard = next(_hard(resources), None)
    if hard is not None:
        found += _unknown(models, providers, hard)
    if found or not models:
        return found
    return [Finding(WHAT, "ok", "nothing odd about those of the file")]


def _small(models: dict[str, Model]) -> Iterator[Finding]:
    for name, model in models.items():
        for position, each in enumerate(model.deployments):
            if each.price is not None and _is_small(each.price):
                where = f"models.{name}.deployments[{position}].price"
                yield Finding(WHAT, "warning", f"{where}: far below any vendor's; {UNIT}")


def _is_small(price: Price) -> bool:
    return 0 < nano_usd(price.input) < LEAST_NANO


def _unknown(
    models: dict[str, Model], providers: dict[str, Provider], hard: str
) -> Iterator[Finding]:
    book = PriceBook()
    for name, model in models.items():
        for position, each in enumerate(model.deployments):
            called, provider = each.model or name, providers.get(each.provider)
            if each.price is not None or ANY in called or provider is None:
                continue  # of those that end in `*`, each call has its own name
            if book.find(provider.kind, called) is None:
                where = f"models.{name}.deployments[{position}]"
                said = f"{where}: nobody knows its price, so {hard} refuses it: give it a `price`"
                yield Finding(WHAT, "warning", said)


def _hard(resources: Resources) -> Iterator[str]:
    for scope, config in _policies(resources, "budget"):
        if config.get("kind", "hard") == "hard" and not config.get("shadow"):
            yield f"the hard budget at `{scope}`"


def _missing(resources: Resources) -> Iterator[Finding]:
    """Find routes that an archive names, and that the file does not have: they may be stored."""
    routes = {name for kind, name in resources.items if kind == "route"}
    for _, config in _policies(resources, "archive"):
        for name in config.get("routes", ()):
            if ANY not in name and name not in routes:
                said = f"it names the route `{name}`, which is not in the file"
                yield Finding("archive", "warning", said)


def _policies(resources: Resources, policy: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give where a policy is used, and its settings."""
    for (kind, name), raw in resources.items.items():
        if kind == "policies":
            scope, uses = GATEWAY, decode(kind, raw)
        elif kind == "route":
            scope, uses = route_scope(name), decode(kind, raw).policies
        elif kind == "plan":
            scope, uses = plan_scope(name), decode(kind, raw).policies
        else:
            continue
        for use in uses:
            if policy in use:
                yield scope.name, use[policy] or {}
