from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sluicegate.errors import ConfigError, Fault
from sluicegate.model.model import Deployment, Model
from sluicegate.model.provider import Provider
from sluicegate.model.service import Service
from sluicegate.snapshot.document import encode
from sluicegate.snapshot.upstreams import Upstreams, make_upstreams

SERVICE = Service(targets=["http://10.0.0.5:9000"])
PROVIDER = Provider(kind="openai", key="k" * 10)
MODEL = Model(deployments=[Deployment(provider="p")])


class Thing:
    """Whatever was made; `deployments` is of a model."""

    def __init__(self, name: str, links: dict[str, Any] | None = None) -> None:
        self.name = name
        self.closed = False
        self.deployments = [SimpleNamespace(link=link) for link in (links or {}).values()]

    def close(self) -> None:
        self.closed = True


class Works:
    """Makes things, and knows what it made."""

    def __init__(self) -> None:
        self.made: list[Thing] = []
        self.wrong: dict[str, Exception] = {}

    def _make(self, name: str, links: Any = None) -> Any:
        if name in self.wrong:
            raise self.wrong[name]
        self.made.append(Thing(name, links))
        return self.made[-1]

    def service(self, name: str, _: Service) -> Any:
        return self._make(name)

    def provider(self, name: str, _: Provider) -> Any:
        return self._make(name)

    def model(self, name: str, config: Model, links: Any) -> Any:
        return self._make(
            name, {each.provider: links[each.provider] for each in config.deployments}
        )

    def run(
        self, items: dict[Any, Any], previous: tuple[dict[Any, Any], Upstreams] | None = None
    ) -> tuple[Upstreams, list[Fault]]:
        """Make everything, and return it with the faults."""
        raw = {kind: {n: encode(each) for n, each in of.items()} for kind, of in items.items()}
        before: Any = None
        if previous is not None:
            was, made = previous
            origin = {k: {n: encode(each) for n, each in of.items()} for k, of in was.items()}
            before = SimpleNamespace(
                origin=SimpleNamespace(items=origin),
                services=made.services,
                providers=made.providers,
                models=SimpleNamespace(pools=made.models),
            )
        faults: list[Fault] = []
        work = make_upstreams(cast("Any", self), raw, before, faults)
        while True:
            try:
                next(work)
            except StopIteration as done:
                return done.value, faults


WHOLE = {"service": {"s": SERVICE}, "provider": {"p": PROVIDER}, "model": {"m": MODEL}}


def names(works: Works) -> list[str]:
    return [each.name for each in works.made]


def test_models_are_made_of_providers_that_are_there() -> None:
    works = Works()
    made, faults = works.run(WHOLE)
    assert faults == []
    assert names(works) == ["s", "p", "m"]
    assert made.models["m"].deployments[0].link is made.providers["p"]


def test_what_is_as_before_is_taken_over() -> None:
    works = Works()
    before, _ = works.run(WHOLE)
    after, _ = works.run(WHOLE, (WHOLE, before))
    assert names(works) == ["s", "p", "m"]
    assert after == before


def test_a_model_is_made_anew_with_its_provider() -> None:
    works = Works()
    before, _ = works.run(WHOLE)
    other = WHOLE | {"provider": {"p": Provider(kind="openai", key="z" * 10)}}
    after, _ = works.run(other, (WHOLE, before))
    assert names(works) == ["s", "p", "m", "p", "m"]
    assert after.services["s"] is before.services["s"]
    assert cast("Any", after.models["m"]).deployments[0].link is after.providers["p"]
    assert not any(each.closed for each in works.made)  # whoever swaps closes what is replaced


def test_a_provider_stays_where_only_the_model_has_changed() -> None:
    works = Works()
    before, _ = works.run(WHOLE)
    more = Model(deployments=[Deployment(provider="p", weight=2)])
    after, _ = works.run(WHOLE | {"model": {"m": more}}, (WHOLE, before))
    assert after.providers["p"] is before.providers["p"]
    assert after.models["m"] is not before.models["m"]


def test_every_fault_is_told_and_nothing_new_stays_open() -> None:
    works = Works()
    before, _ = works.run(WHOLE)
    works.wrong = {
        "t": ValueError("no such target"),
        "q": ConfigError([Fault("providers.q.tls.ca", 3, "is not there")]),
    }
    more = {
        "service": {"s": SERVICE, "t": SERVICE, "u": SERVICE},
        "provider": {"p": PROVIDER, "q": PROVIDER},
        "model": {"m": MODEL},
    }
    _, faults = works.run(more, (WHOLE, before))
    assert [(fault.path, fault.message) for fault in faults] == [
        ("services.t", "no such target"),
        ("providers.q.tls.ca", "is not there"),
    ]
    assert [each.name for each in works.made if each.closed] == ["u"]


def test_a_fault_of_a_model_closes_what_it_was_made_for() -> None:
    works = Works()
    works.wrong = {"m": ValueError("odd")}
    _, faults = works.run(WHOLE)
    assert [fault.path for fault in faults] == ["models.m"]
    assert all(each.closed for each in works.made)
