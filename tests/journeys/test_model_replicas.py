"""Two replicas with one Valkey: what one of them was told by a provider, the other one keeps to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.model_front import Told, config, provider, request, told_of
from support.ports import eventually
from support.raw_http import ask
from support.scripted_provider import ScriptedProvider, answer, golden
from support.valkey import PATIENT, Valkey

FIRST = {"provider": "a", "model": "a", "name": "first"}
SECOND = {"provider": "b", "model": "scenario-text", "priority": 1}
MODELS = {
    "m": {"deployments": [FIRST, SECOND]},
    "limited": {
        "deployments": [{"provider": "a", "model": "scenario-text", "allow": ["3/day"]}],
    },
}


@pytest.fixture(scope="module")
def vendors() -> Iterator[list[ScriptedProvider]]:
    """Two providers."""
    with in_thread(ScriptedProvider()) as a, in_thread(ScriptedProvider()) as b:
        yield [a, b]


@pytest.fixture(scope="module")
def replicas(
    vendors: list[ScriptedProvider], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Gateway]]:
    """Two gateways with one state."""
    folder = tmp_path_factory.mktemp("replicas")
    a, b = vendors
    with ExitStack() as opened:
        valkey = opened.enter_context(Valkey(folder, unix=True))
        providers = {"a": provider(a.url), "b": provider(b.url, "anthropic_messages")}
        # Of several workers each would hear of it in its own time, a second at most. A call of the
        # state that misses its 25 ms on a busy machine would be counted by each for itself.
        state = {"url": valkey.url, **PATIENT}
        one = {"state": state, "gateway": {"workers": 1}}
        document = json.dumps(config(providers, MODELS, **one))
        yield [opened.enter_context(gateway(folder / name, document)) for name in ("told", "other")]


def test_a_cooldown_of_one_replica_is_one_of_the_other(
    replicas: list[Gateway], vendors: list[ScriptedProvider]
) -> None:
    told, other = replicas
    vendors[0].play("a", answer(429, b"{}", {"Retry-After": "8"}), golden("text"))
    assert said(told).headers["sluicegate-provider"] == "b"
    asked: list[str] = []

    def one_answer_from(wanted: str) -> bool:
        asked.append(said(other).headers["sluicegate-provider"])
        return asked[-1] == wanted

    eventually(lambda: one_answer_from("b"), "the other replica knows of it")
    eventually(lambda: one_answer_from("a"), "the rest is over")
    # The provider has refused nothing that the other replica has asked for.
    assert set(asked[asked.index("b") : -1]) == {"b"}
    eventually(lambda: said(told).headers["sluicegate-provider"] == "a", "so is the first's")


def test_what_a_provider_lets_us_have_is_shared_too(
    replicas: list[Gateway], vendors: list[ScriptedProvider]
) -> None:
    statuses = [said(replicas[turn % 2], "limited").status for turn in range(6)]
    assert statuses == [200, 200, 200, 429, 429, 429]
    assert len(vendors[0].of("scenario-text")) == 3


def said(replica: Gateway, model: str = "m") -> Told:
    """Ask a replica for a whole answer."""
    return told_of("chat", ask(replica.port, request("chat", model)), stream=False)
