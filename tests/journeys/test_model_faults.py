"""Whatever a provider does wrong: a whole answer from elsewhere, or an error that says that it is.

One gateway for all: each fault has models of its own (`alone`, with a `second` deployment, with
another model as `fallback`). The provider that fails speaks each dialect in turn, as callers do.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.front import Options
from support.model_faults import MAX_ANSWER, Fault, faults, told_in_stream
from support.model_front import (
    CALLERS,
    KINDS,
    TEXT,
    ModelFront,
    config,
    model_front,
    provider,
)

FAULTS: dict[str, Fault] = faults() | told_in_stream()
STREAMED = ("whole", "stream")
TIMEOUTS = {"first_token": "20s", "stall": "10s"}
AGAIN = {"cooldown": {"failures": 1000, "time": "1ms", "max_time": "1ms"}}
"""Whatever happened before, everybody is asked; how they rest is another test's matter."""


def key_of(fault: str) -> str:
    """Return what a fault is called in names of models."""
    return "".join(each if each.isalnum() else "-" for each in fault)


def written(urls: list[str]) -> Options:
    """Write models `<help>/<dialect>/<fault>`; the dialect is the failing provider's."""
    models: dict[str, Options] = {"other": {"deployments": [GOOD]}}
    for dialect in KINDS:
        for fault in FAULTS:
            name = f"{dialect}/{key_of(fault)}"
            bad = {"provider": dialect, "model": key_of(fault)}
            models[f"alone/{name}"] = {"deployments": [bad], **AGAIN}
            models[f"second/{name}"] = {"deployments": [bad, GOOD | {"priority": 1}], **AGAIN}
            other = {"fallbacks": [{"model": "other"}]}
            models[f"fallback/{name}"] = {"deployments": [bad], **other, **AGAIN}
    more = {"timeouts": TIMEOUTS, "max_answer": MAX_ANSWER}
    providers = {each: provider(urls[0], each, **more) for each in KINDS}
    providers["good"] = provider(urls[1], "anthropic_messages")
    return config(providers, models)


GOOD = {"provider": "good", "model": "scenario-text"}


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelFront]:
    """The gateway: its first provider fails, its second one does not."""
    with model_front(tmp_path_factory.mktemp("faults"), written) as running:
        for name, fault in FAULTS.items():
            running.providers[0].play(key_of(name), fault.play)
        yield running


def cases(streamed: str) -> list[str]:
    """Return the faults that there are, streamed or not."""
    found = [n for n, each in FAULTS.items() if each.only in ("", streamed)]
    return [n for n in found if streamed == "stream" or n not in told_in_stream()]


def asked(at: ModelFront, model: str) -> int:
    """Return how often the failing provider was asked."""
    return len(at.providers[0].of(model))


SINGLE = [(f, s) for s in STREAMED for f in cases(s)]


@pytest.mark.parametrize(("fault", "streamed"), SINGLE)
def test_alone_a_failing_provider_gives_an_honest_error(
    at: ModelFront, fault: str, streamed: str
) -> None:
    expected, before = FAULTS[fault], asked(at, key_of(fault))
    stream = streamed == "stream"
    told = at.ask("chat", f"alone/openai_chat/{key_of(fault)}", stream=stream)
    assert told.honest, told
    begun = stream and expected.begun
    assert told.status == (200 if begun else expected.status), told
    times = asked(at, key_of(fault)) - before
    # A kept connection that is found dead is no attempt: it is tried on another one.
    assert times in ((1,) if begun or expected.once else (3, 4) if fault == "reset" else (3,))


@pytest.mark.parametrize("help_", ["second", "fallback"])
@pytest.mark.parametrize(("fault", "streamed"), SINGLE)
def test_where_somebody_can_help_the_caller_sees_nothing_of_a_fault(
    at: ModelFront, fault: str, streamed: str, help_: str
) -> None:
    stream = streamed == "stream"
    told = at.ask("chat", f"{help_}/openai_chat/{key_of(fault)}", stream=stream)
    if stream and FAULTS[fault].begun:
        assert told.honest, told
        assert TEXT.startswith(told.text)
        assert told.text
    else:
        assert told.whole, told
        assert told.text == TEXT
        assert told.headers["sluicegate-provider"] == "good"
        assert told.headers["sluicegate-attempts"] == "2"


@pytest.mark.parametrize("streamed", STREAMED)
@pytest.mark.parametrize("dialect", KINDS)
def test_it_makes_no_difference_what_the_failing_provider_speaks(
    at: ModelFront, dialect: str, streamed: str
) -> None:
    stream = streamed == "stream"
    for fault in cases(streamed):
        if fault in told_in_stream() and dialect == "cohere_chat":
            continue
        told = at.ask("chat", f"second/{dialect}/{key_of(fault)}", stream=stream)
        if stream and FAULTS[fault].begun:
            assert told.honest, (fault, told)
            assert TEXT.startswith(told.text), fault
        else:
            assert told.whole, (fault, told)
            assert told.text == TEXT, fault


@pytest.mark.parametrize("streamed", STREAMED)
@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini_generate", "openai_responses"])
def test_every_caller_is_told_in_its_own_dialect(
    at: ModelFront, caller: str, dialect: str, streamed: str
) -> None:
    stream = streamed == "stream"
    for fault in cases(streamed):
        expected = FAULTS[fault]
        told = at.ask(caller, f"alone/{dialect}/{key_of(fault)}", stream=stream)
        assert told.honest, (fault, told)
        begun = stream and expected.begun
        status = 529 if caller == "anthropic" and fault in ("503", "529") else expected.status
        assert told.status == (200 if begun else status), (fault, told)
        if caller == "gemini":
            assert told.error.get("code", 400) >= 400, (fault, told)
        assert told.error["message"], (fault, told)
