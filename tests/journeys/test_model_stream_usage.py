"""Usage of streams that pass through: the provider is asked, the caller sees no sign of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.front import Options
from support.model_front import TEXT, ModelFront, config, events_of, model_front, provider
from support.scripted_provider import golden

A = {"provider": "a", "model": "a"}


def write(**facts: Any) -> Any:
    """Return a writer of a configuration with the model `m`."""

    def written(urls: list[str]) -> Options:
        made = {"a": provider(urls[0]) | facts}
        return config(made, {"m": {"deployments": [A]}})

    return written


def asked(at: ModelFront, **members: Any) -> list[Any]:
    """Return the events that a caller gets."""
    at.providers[0].play("a", golden("text"))
    told = at.ask("chat", "m", stream=True, **members)
    assert told.whole
    assert told.text == TEXT
    return events_of(told.body)[:-1]


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_obfuscation": False}}])
def test_the_provider_is_asked_and_the_caller_sees_no_sign_of_it(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    with model_front(tmp_path, write(), providers=1) as at:
        events = asked(at, **options)
        sent = at.providers[0].calls[0].content["stream_options"]
        assert sent == options.get("stream_options", {}) | {"include_usage": True}
        assert all(event["choices"] and "usage" not in event for event in events)


def test_who_asks_gets_it(tmp_path: Path) -> None:
    with model_front(tmp_path, write(), providers=1) as at:
        events = asked(at, stream_options={"include_usage": True})
        assert events[0]["usage"] is None
        assert events[-1]["usage"]["total_tokens"] == 21


def test_a_vendor_that_takes_no_such_option_is_not_asked(tmp_path: Path) -> None:
    with model_front(tmp_path, write(kind="mistral"), providers=1) as at:
        events = asked(at)
        assert "stream_options" not in at.providers[0].calls[0].content
        assert events[-1]["usage"]["total_tokens"] == 21
