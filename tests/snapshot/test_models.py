from __future__ import annotations

import pytest

from sluicegate.model.model import Deployment, Model
from sluicegate.snapshot.models import limited
from support.configuration import messages_of

PROVIDERS = """
providers:
  own: {kind: openai_compatible, url: 'http://127.0.0.1:1/v1'}
  claude: {kind: anthropic, key: k}
services: {s: {targets: ['http://s:1']}}
"""


def of(text: str, name: str = "m") -> dict[str, str]:
    """Return the faults of a model beside one called `other`."""
    models = f"models: {{'{name}': {{{text}}}, other: {{deployments: [{{provider: own}}]}}}}\n"
    found = messages_of(PROVIDERS + models)
    return {path.removeprefix(f"models.{name}."): message for path, message in found.items()}


def deployed(*written: str, more: str = "") -> str:
    return f"deployments: [{', '.join(f'{{{each}}}' for each in written)}]{more}"


def test_a_model_names_providers_that_are_there_and_dialects_that_they_speak() -> None:
    assert of(deployed("provider: own", "provider: claude, dialect: anthropic_messages")) == {}
    assert of(deployed("provider: owm", "provider: claude, dialect: openai_chat")) == {
        "deployments[0].provider": "there is no provider `owm`; did you mean `own`?",
        "deployments[1].dialect": "`claude` does not speak `openai_chat`; expected one of "
        "anthropic_messages, anthropic_count_tokens",
    }


def test_a_provider_with_a_fault_of_its_own_is_still_there() -> None:
    text = "providers: {p: {kind: gone}, q: {}}\nmodels: {m: {deployments: [%s, %s]}}\n"
    dialect = "{provider: p, dialect: openai_chat}"
    assert list(messages_of(text % (dialect, "{provider: q}"))) == [
        "providers.q",
        "providers.p.kind",
    ]


def test_no_two_deployments_of_a_model_are_called_the_same() -> None:
    assert of(deployed("provider: own, model: a", "provider: own, model: b")) == {}
    assert of(deployed("provider: own", "provider: own, region: eu")) == {
        "deployments[1]": "`deployments[0]` is called `own/m` too; give one of them a `name`"
    }
    assert of(deployed("provider: own, name: x", "provider: own, name: y")) == {}
    assert list(of(deployed("provider: own", "provider: claude, name: own/m"))) == [
        "deployments[1]"
    ]


def test_a_star_stands_for_what_it_stands_for_in_the_name() -> None:
    text = deployed("provider: own, model: 'openai/*'")
    assert of(text, "gpt-*") == {}
    assert list(of(text)) == ["deployments[0].model"]
    assert list(of(deployed("provider: own, model: '*-*'"), "gpt-*")) == ["deployments[0].model"]


def test_somebody_takes_calls() -> None:
    assert of(deployed("provider: own, weight: 0", "provider: claude, weight: 1")) == {}
    assert of(deployed("provider: own, weight: 0")) == {
        "deployments": "every weight is 0; expected one above"
    }


def test_what_a_provider_lets_us_have_can_be_counted() -> None:
    right = "allow: [500/minute, 10/second burst 20]"
    assert of(deployed(f"provider: own, {right}, concurrent: 5")) == {}
    wrong = "allow: [500/minute, 10/fortnight]"
    assert list(of(deployed(f"provider: own, {wrong}"))) == ["deployments[0].allow[1]"]
    twice = "allow: [5/day, 5/day]"
    assert list(of(deployed(f"provider: own, {twice}"))) == ["deployments[0].allow[1]"]
    waits = "allow: [10/second delay 2s]"
    assert of(deployed(f"provider: own, {waits}")) == {
        "deployments[0].allow[0]": "nobody waits for a deployment, others are asked: "
        "leave `delay` out"
    }


def test_a_fallback_is_another_model_that_is_there_and_only_once() -> None:
    def fallbacks(*names: str) -> dict[str, str]:
        listed = ", ".join(f"{{model: '{name}'}}" for name in names)
        return of(deployed("provider: own", more=f", fallbacks: [{listed}]"))

    assert fallbacks("other") == {}
    assert fallbacks("m", "other", "othe", "gpt-*", "other") == {
        "fallbacks[0].model": "it is the model itself; expected another one",
        "fallbacks[3].model": "`gpt-*` is many models; expected the name of one",
        "fallbacks[4].model": "`other` is there more than once: write it once",
        "fallbacks[2].model": "there is no model `othe`; did you mean `other`?",
    }


def test_bounds_fit_together() -> None:
    more = ", cooldown: {time: 10m}, fetch_images: ['*.example.com', 'a b', 'a:80']"
    found = of(deployed("provider: own", more=more))
    assert list(found) == ["cooldown.time", "fetch_images[1]", "fetch_images[2]"]
    assert found["cooldown.time"] == "found 10m; expected at most `max_time`, 5m"


def routed(text: str) -> dict[str, str]:
    models = "models: {gpt: {deployments: [{provider: own}]}}\n"
    found = messages_of(f"{PROVIDERS}{models}routes: {{r: {{match: {{}}, {text}}}}}\n")
    return {path.removeprefix("routes.r."): message for path, message in found.items()}


def test_a_route_with_ai_endpoints_answers_by_itself() -> None:
    assert routed("ai: {}") == {}
    assert routed("ai: {}, service: s") == {
        "ai": "found a service beside it; expected one of `ai` and `service`"
    }
    assert list(routed("ai: {}, service: 3")) == ["service", "ai"]
    assert list(routed("ai: 3")) == ["ai"]


def test_ai_endpoints_name_what_is_there() -> None:
    assert routed("ai: {models: [gpt, 'claude-*'], proxy: [own]}") == {}
    assert list(routed("ai: {models: [gpt-4, 'g*t'], proxy: [gone]}")) == [
        "ai.models[1]",
        "ai.models[0]",
        "ai.proxy[0]",
    ]


@pytest.mark.parametrize(("field", "value"), [("allow", ["1/day"]), ("concurrent", 3)])
def test_limits_of_deployments_are_found(field: str, value: object) -> None:
    free = Model(deployments=[Deployment(provider="p")])
    bound = Deployment(provider="p", **{field: value})  # type: ignore[arg-type]
    models = {"a": free, "b": Model(deployments=[Deployment(provider="p"), bound])}
    assert limited({"a": free}) is None
    assert limited(models) == ("models", "b", "deployments", 1, field)
