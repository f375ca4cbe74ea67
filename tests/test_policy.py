"""The contract of a policy, as somebody who writes one sees it."""

from __future__ import annotations

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.model.units import convert
from sluicegate.policy import Onward, Parts, PolicyConfig
from support.exchanges import exchange, parts, run, target
from support.mock_clock import MockClock


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Settings of the policy below."""

    word: str = "hello"


class Greeting:
    """Answers `/greet` itself and marks everything else."""

    def __init__(self, config: Config, parts: Parts) -> None:
        self.word = config.word.encode()
        self.seen = parts.metrics.family("greetings_total", "counter", "Greetings.").cell()
        self.over: list[int | None] = []

    async def handle(self, asked: Exchange, onward: Onward) -> None:
        """Take part in one exchange."""
        if asked.request.path == "/greet":
            asked.respond(200, body=self.word)
            return
        asked.on_head(lambda it: it.response and it.response.headers.append((b"x-a", self.word)))
        try:
            await onward(asked)
        finally:
            self.seen.value += 1
            self.over.append(asked.response.status if asked.response else None)


def test_a_policy_answers_itself_or_takes_part() -> None:
    policy = Greeting(Config(), parts(MockClock()))
    assert run(policy, exchange(path="/greet")).body == b"hello"
    answer = run(policy, exchange(path="/else"), target(201, {}, b"theirs"))
    assert (answer.status, answer.body, answer.header("x-a")) == (201, b"theirs", "hello")
    assert policy.seen.value == 1
    assert policy.over == [201]


def test_settings_are_frozen_and_unknown_ones_refused() -> None:
    config = convert({"word": "hi"}, Config)
    with pytest.raises(AttributeError):
        config.word = "no"
    with pytest.raises(msgspec.ValidationError, match="wrod"):
        convert({"wrod": "hi"}, Config)
