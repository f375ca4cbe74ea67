"""`exact`: an answer that was given before is given again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sluicegate.errors import UPSTREAM_FAILED
from sluicegate.exchange import Exchange
from sluicegate.journey.cache.exact import Config, Policy
from sluicegate.llm.failure import Failure
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from support.cached_calls import (
    BODY,
    Onward,
    answering,
    begin,
    call,
    client,
    counting,
    turns,
    with_cache,
)
from support.exchanges import counted, exchange, pairs, parts, sink, target
from support.mock_clock import MockClock

ANSWER = b'{"id":"1","choices":[{"message":{"content":"hi"}}]}'


class Cached:
    """The policy, and what is behind it."""

    def __init__(self, onward: Onward, **settings: Any) -> None:
        self.clock = MockClock()
        self.parts: Parts = with_cache(self.clock)
        self.policy = Policy(convert(settings, Config), self.parts)
        self.onward, self.asked = counting(onward)

    def send(self, *exchanges: Exchange) -> list[str | None]:
        """Send exchanges through, one after the other; return what each says of the cache."""

        async def work() -> None:
            for each in exchanges:
                each.clock = self.clock
                await self.policy.handle(each, self.onward)

        asyncio.run(work())
        return [sink(each).header("sluicegate-cache") for each in exchanges]

    def counted(self, outcome: str, family: str = "requests") -> float:
        return counted(self.parts, f"sluicegate_cache_{family}_total", "route:things", outcome)


def test_the_second_of_two_equal_calls_is_answered_without_asking() -> None:
    cached = Cached(answering(ANSWER, headers=[(b"sluicegate-cost", b"7")]))
    first, second = call(), call()
    assert cached.send(first, second) == ["miss", "hit"]
    assert len(cached.asked) == 1
    assert client(first).body == client(second).body == ANSWER
    assert client(second).length == len(ANSWER)
    assert (cached.counted("hit"), cached.counted("miss")) == (1, 1)


def test_a_hit_costs_no_tokens_and_says_so() -> None:
    cached = Cached(answering(ANSWER, headers=[(b"sluicegate-cost", b"7")]))
    first, second = call(), call()
    cached.send(first, second)
    assert first.call is not None
    assert second.call is not None
    assert (first.call.cost, first.call.tokens, first.call.from_cache) == (7, 7, False)
    assert (second.call.cost, second.call.tokens, second.call.from_cache) == (0, 0, True)
    assert client(first).header("sluicegate-cost") == "7"
    assert client(second).header("sluicegate-cost") == "0"
    assert (first.call.provider, first.call.deployment) == ("p", "p/m")
    assert (second.call.provider, second.call.deployment) == ("p", "p/m")
    assert client(second).header("age") == "0"


def test_each_caller_has_its_own_answers_unless_they_are_shared() -> None:
    assert Cached(answering(ANSWER)).send(call(), call(consumer="bob")) == ["miss", "miss"]
    shared = Cached(answering(ANSWER), shared=True)
    assert shared.send(call(), call(consumer="bob")) == ["miss", "hit"]


def test_an_answer_is_good_for_its_time() -> None:
    cached = Cached(answering(ANSWER), ttl="10s")
    asked = call()
    assert cached.send(call()) == ["miss"]
    cached.clock.advance(9)
    assert cached.send(asked) == ["hit"]
    assert client(asked).header("age") == "9"
    cached.clock.advance(1.1)
    assert cached.send(call()) == ["miss"]


def test_a_stream_is_given_again_frame_by_frame() -> None:
    frames = [b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"]
    cached = Cached(answering(*frames))
    body = BODY | {"stream": True}
    first, second = call(body, stream=True), call(body, stream=True)
    assert cached.send(first, second) == ["miss", "hit"]
    assert client(first).body == b"".join(frames)
    assert client(second).body == b"".join(frames)


def test_a_stream_is_given_again_at_its_pace_where_the_policy_says_so() -> None:
    async def work() -> None:
        cached = Cached(answering(b"1", b"2"), pace="original")
        cached.onward, _ = counting(answering(b"1", b"2", clock=cached.clock, gap_s=3))
        first = call(clock=cached.clock)
        await cached.policy.handle(first, cached.onward)
        second = call(clock=cached.clock)
        task = asyncio.ensure_future(cached.policy.handle(second, cached.onward))
        await turns()
        assert not task.done()
        cached.clock.advance(6)
        await task
        assert client(second).body == b"12"

    asyncio.run(work())


def test_callers_who_want_none_of_it_are_heard() -> None:
    cached = Cached(answering(ANSWER))
    no_store, no_cache = ({"cache-control": each} for each in ("no-store", "no-cache"))
    assert cached.send(call(headers=no_store), call()) == [None, "miss"]
    assert cached.send(call(headers=no_store), call(headers=no_cache)) == [None, "miss"]
    cached.clock.advance(5)
    young, old = ({"cache-control": f"max-age={each}"} for each in (6, 4))
    assert cached.send(call(headers=young), call(headers=old)) == ["hit", "miss"]


@pytest.mark.parametrize(
    "answer",
    [
        b'{"choices":[{"message":{"tool_calls":[{"id":"1"}]}}]}',
        b'{"content":[{"type": "tool_use"}]}',
        b'{"content":[{"type":"server_tool_use"}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}',
        b'{"output":[{"type":"web_search_call"}]}',
    ],
)
def test_an_answer_that_calls_a_tool_is_not_kept_unless_told(answer: bytes) -> None:
    assert Cached(answering(answer)).send(call(), call()) == ["miss", "miss"]
    assert Cached(answering(answer), tools=True).send(call(), call()) == ["miss", "hit"]


@pytest.mark.parametrize(
    "answer",
    [
        b'{"message":{"tool_calls":null,"function_call": null}}',
        b'{"message":{"tool_calls": [ ]}}',
        b'{"message":{"content":"say \\"tool_calls\\": [1]"}}',
    ],
)
def test_an_answer_that_only_speaks_of_tools_is_kept(answer: bytes) -> None:
    assert Cached(answering(answer)).send(call(), call()) == ["miss", "hit"]


def test_calls_with_tools_pass_by() -> None:
    cached = Cached(answering(ANSWER))
    body = BODY | {"tools": [{"type": "function"}]}
    assert cached.send(call(body), call(body)) == [None, None]
    assert cached.counted("bypass") == 2


async def fails(asked: Exchange) -> None:
    assert asked.call is not None
    begin(asked)
    asked.chunk(b"data: 1\n\n")
    asked.call.failure = Failure(kind="timeout", status=504, message="", ours=True)
    asked.chunk(b"data: error\n\n")
    asked.end(None)


async def breaks_off(asked: Exchange) -> None:
    begin(asked)
    asked.chunk(b"data: 1\n\n")
    asked.cut()


async def refuses(asked: Exchange) -> None:
    asked.refuse(UPSTREAM_FAILED)


async def falls_back(asked: Exchange) -> None:
    await answering(ANSWER)(asked)
    assert asked.call is not None
    asked.call.deployment = "another/model"


@pytest.mark.parametrize("onward", [fails, breaks_off, refuses, falls_back])
def test_what_is_no_whole_answer_of_the_model_is_never_kept(onward: Onward) -> None:
    cached = Cached(onward)
    cached.send(call(), call())
    assert len(cached.asked) == 2
    assert cached.counted("kept", "answers") == 0


def test_an_answer_that_is_too_large_passes_by() -> None:
    cached = Cached(answering(ANSWER * 100), max_size="1KiB")
    asked = call()
    assert cached.send(asked, call()) == ["miss", "miss"]
    assert client(asked).body == ANSWER * 100
    assert cached.counted("large", "answers") == 2


def test_policies_outside_see_every_answer_once() -> None:
    cached = Cached(answering(ANSWER))

    async def wrap(_: Exchange, body: bytes) -> bytes:
        return b"<" + body + b">"

    exchanges = [call(), call()]
    for each in exchanges:
        each.whole(1000, wrap)
    assert cached.send(*exchanges) == ["miss", "hit"]
    assert [client(each).body for each in exchanges] == [b"<" + ANSWER + b">"] * 2


# --- routes without AI endpoints ------------------------------------------------------------------


def page(*headers: tuple[str, str], status: int = 200, data: bytes = b"page") -> Onward:
    return target(status, headers, data)


@pytest.mark.parametrize(
    ("headers", "status", "second"),
    [
        ((), 200, "hit"),
        ((("cache-control", "max-age=60"),), 200, "hit"),
        ((("cache-control", "no-store"),), 200, "miss"),
        ((("cache-control", "private"),), 200, "miss"),
        ((("set-cookie", "a=b"),), 200, "miss"),
        ((("vary", "accept-language"),), 200, "miss"),
        ((), 404, "miss"),
        ((), 206, "miss"),
    ],
)
def test_a_service_says_what_may_be_kept(
    headers: Sequence[tuple[str, str]], status: int, second: str
) -> None:
    cached = Cached(page(*headers, status=status))
    assert cached.send(exchange(), exchange()) == ["miss", second]


def test_a_page_is_kept_as_long_as_its_service_says_and_ages_from_there() -> None:
    cached = Cached(page(("cache-control", "max-age=60"), ("age", "50")), ttl="1h")
    asked = exchange()
    assert cached.send(exchange(), asked) == ["miss", "hit"]
    assert sink(asked).header("age") == "50"
    cached.clock.advance(10.1)
    assert cached.send(exchange()) == ["miss"]


def test_an_answer_that_depends_on_a_header_is_kept_where_the_policy_names_it() -> None:
    cached = Cached(page(("vary", "Accept-Language")), vary=["Accept-Language"])
    german, english = ({"accept-language": each} for each in ("de", "en"))
    asked = [exchange(headers=each) for each in (german, german, english)]
    assert cached.send(*asked) == ["miss", "hit", "miss"]


def test_a_change_passes_by() -> None:
    cached = Cached(page())
    assert cached.send(exchange("POST"), exchange("POST")) == [None, None]


def test_without_a_cache_everything_passes_by() -> None:
    policy = Policy(Config(), parts(MockClock()))
    onward, asked = counting(answering(ANSWER))
    for _ in range(2):
        asyncio.run(policy.handle(call(), onward))
    assert len(asked) == 2


def test_what_another_version_has_written_is_a_miss() -> None:
    cached = Cached(answering(ANSWER))
    cached.send(call())
    kept: Any = cached.parts.cache
    (key,) = kept._kept
    kept.put(key, b"\x91\x02", 60)
    assert cached.send(call(), call()) == ["miss", "hit"]


@pytest.mark.parametrize("given", [{"ttl": "0"}, {"ttl": "31d"}, {"vary": ["a b"]}, {"pace": "x"}])
def test_settings_that_keep_nothing_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        convert(given, Config)


def test_headers_are_written_as_they_came() -> None:
    cached = Cached(page(("x-a", "1"), ("x-a", "2")))
    asked = exchange()
    cached.send(exchange(), asked)
    assert sink(asked).headers[:2] == pairs([("x-a", "1"), ("x-a", "2")])
