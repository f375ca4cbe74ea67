"""What a new snapshot has no more use for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sluicegate.metrics import Metrics
from sluicegate.snapshot.replaced import close_replaced


class Upstream:
    """A provider or a model, as far as being closed goes."""

    def __init__(self, *deployments: str) -> None:
        self.deployments = [SimpleNamespace(name=name) for name in deployments]
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def snapshot(providers: dict[str, Upstream], models: dict[str, Upstream]) -> Any:
    return cast(
        "Any",
        SimpleNamespace(
            services={},
            providers=providers,
            models=SimpleNamespace(pools=models),
            upstreams=lambda: [*providers.values(), *models.values()],
        ),
    )


def series(metrics: Metrics) -> set[tuple[str, ...]]:
    [family] = metrics.dump()
    return {tuple(one.values) for one in family.series}


def counting(*labels: tuple[str, str]) -> Metrics:
    metrics = Metrics()
    family = metrics.family(
        "sluicegate_things_total", "counter", "Things.", ("model", "deployment")
    )
    for model, deployment in labels:
        family.cell(model, deployment).value += 1
    return metrics


def test_what_stays_is_left_alone_and_what_goes_is_closed_once() -> None:
    stays, goes, model = Upstream(), Upstream(), Upstream("d")
    before = snapshot({"a": stays, "b": goes}, {"m": model})
    after = snapshot({"a": stays}, {"m": model})
    close_replaced(before, after, Metrics())
    assert (stays.closed, goes.closed, model.closed) == (0, 1, 0)


def test_series_of_models_and_deployments_that_are_gone_are_forgotten() -> None:
    metrics = counting(("m", "old"), ("m", "kept"), ("gone", "x"))
    before = snapshot({}, {"m": Upstream("old", "kept"), "gone": Upstream("x")})
    after = snapshot({}, {"m": Upstream("kept")})
    close_replaced(before, after, metrics)
    assert series(metrics) == {("m", "kept")}
