"""Answers of models given again, and calls that wait for one another, over real sockets."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sluicegate.clock import Clock
from support.front import Options
from support.model_faults import gated
from support.model_front import CALLERS, TEXT, ModelFront, Told, config, model_front, provider
from support.model_front import request as call
from support.model_front import told_of as read
from support.scripted_provider import cut, error, golden

MODELS = {"m": {"deployments": [{"provider": "a", "model": "a"}], "attempts": 1}}
WELL = golden("text")


def write(*policies: Options, dialect: str = "openai_chat") -> Any:
    """Return a writer of a configuration with these policies."""

    def written(urls: list[str]) -> Options:
        providers = {"a": provider(urls[0], dialect)}
        return config(providers, MODELS, on_route=list(policies))

    return written


def asked(at: ModelFront) -> int:
    """Return how often the provider was asked."""
    return len(at.providers[0].of("a"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("caller", CALLERS)
def test_the_second_of_two_equal_calls_does_not_reach_the_provider(
    tmp_path: Path, caller: str, *, stream: bool
) -> None:
    with model_front(tmp_path, write({"exact": {}}), providers=1) as at:
        at.providers[0].play("a", WELL)
        told = [at.ask(caller, "m", stream=stream) for _ in range(2)]
        assert all(each.whole and each.text == TEXT for each in told)
        assert [each.headers["sluicegate-cache"] for each in told] == ["miss", "hit"]
        assert told[0].headers["sluicegate-provider"] == told[1].headers["sluicegate-provider"]
        assert asked(at) == 1


def test_an_error_and_a_stream_that_was_cut_are_not_given_again(tmp_path: Path) -> None:
    with model_front(tmp_path, write({"exact": {}}), providers=1) as at:
        for play in (error("invalid_request"), cut(3)):
            at.providers[0].play("a", play)
            assert not at.ask("chat", "m", stream=True).whole
        at.providers[0].play("a", WELL)
        told = [at.ask("chat", "m", stream=True) for _ in range(2)]
        assert all(each.whole for each in told)
        assert asked(at) == 3


def test_identical_calls_at_a_time_are_one_at_the_provider_and_get_the_same_stream(
    tmp_path: Path,
) -> None:
    many = 60
    with model_front(tmp_path, write({"single_flight": {}}), providers=1, clock=Clock()) as at:
        gate = at.do(asyncio.Event)
        at.providers[0].play("a", gated(gate))

        def ask(_: int) -> Told:
            with at.connect(timeout_s=30) as client:
                return read("chat", client.request(call("chat", "m", stream=True)), stream=True)

        with ThreadPoolExecutor(many) as beside:
            told = [beside.submit(ask, number) for number in range(many)]
            at.wait(lambda: at.in_flight == many, "everyone waits")
            at.do(gate.set)
            answers = [each.result(30) for each in told]
        assert all(each.whole and each.text == TEXT for each in answers)
        assert asked(at) == 1
        joined = [each.headers.get("sluicegate-cache") for each in answers]
        assert sorted(joined, key=str) == [None, *["joined"] * (many - 1)]


def test_a_caller_that_goes_away_takes_nobody_with_it(tmp_path: Path) -> None:
    with model_front(tmp_path, write({"single_flight": {}}), providers=1, clock=Clock()) as at:
        gate = at.do(asyncio.Event)
        at.providers[0].play("a", gated(gate))
        with at.connect() as first, at.connect(timeout_s=30) as second:
            first.send(call("chat", "m", stream=True))
            at.wait(lambda: asked(at) == 1, "the first is under way")
            second.send(call("chat", "m", stream=True))
            at.wait(lambda: at.in_flight == 2, "the second waits")
            first.reset()
            at.wait(lambda: at.in_flight == 1, "the first has gone")
            at.do(gate.set)
            told = read("chat", second.answer(), stream=True)
        assert told.whole
        assert told.text == TEXT
        assert asked(at) == 1
