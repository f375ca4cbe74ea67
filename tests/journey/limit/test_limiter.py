"""Limits of several policies taken together, and what happens when they cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sluicegate.errors import StateAway
from sluicegate.exchange import Exchange
from sluicegate.journey.limit import concurrency, rate_limit
from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.limit.rule import Rule
from sluicegate.metrics import Metrics
from sluicegate.policy import Parts
from sluicegate.state.contract import Ask, Verdict
from sluicegate.state.memory import MemoryState
from support.exchanges import ClientSide, body, counted, exchange, parts, run, sink, target
from support.mock_clock import MockClock


class Watched(MemoryState):
    """A state in memory that can be away, and remembers what it was asked."""

    def __init__(self, clock: MockClock) -> None:
        super().__init__(clock, Metrics())
        self.asked: list[list[str]] = []
        self.settled: list[tuple[str, list[int]]] = []
        self.away = False

    async def take(self, asks: Sequence[Ask], ticket: str = "") -> Verdict:
        self.asked.append([ask.subject for ask in asks])
        if self.away:
            raise StateAway
        return await super().take(asks, ticket)

    async def settle(self, asks: Sequence[Ask], ticket: str, costs: Sequence[int]) -> None:
        self.settled.append((ticket, list(costs)))
        if self.away:
            raise StateAway
        await super().settle(asks, ticket, costs)


@pytest.fixture
def clock() -> MockClock:
    return MockClock()


@pytest.fixture
def state(clock: MockClock) -> Watched:
    return Watched(clock)


@pytest.fixture
def made(clock: MockClock, state: Watched) -> Parts:
    return parts(clock, state=state, workers=4)


def rule(made: Parts, *allow: str, **settings: Any) -> Rule:
    return rate_limit.Policy(rate_limit.Config(allow=list(allow), **settings), made).rules[0]


def slots(made: Parts, limit: int, **settings: Any) -> Rule:
    return concurrency.Policy(concurrency.Config(limit=limit, **settings), made).rules[0]


def one(limiter: Limiter, clock: MockClock, **request: Any) -> ClientSide:
    return run(limiter, exchange(clock=clock, **request))


# --- together -----------------------------------------------------------------------------------


def test_limits_of_all_policies_are_one_call(made: Parts, state: Watched, clock: MockClock) -> None:
    limiter = Limiter([rule(made, "9/minute", by="route"), rule(made, "9/minute", by="ip")], made)
    assert one(limiter, clock).status == 200
    assert state.asked == [["=things", "192.0.2.7"]]


def test_a_refusal_of_one_policy_charges_no_other(made: Parts, clock: MockClock) -> None:
    wide, narrow = rule(made, "9/minute", by="route"), rule(made, "1/minute", by="ip")
    limiter = Limiter([wide, narrow], made)
    statuses = [one(limiter, clock).status for _ in range(5)]
    assert statuses == [200, 429, 429, 429, 429]
    left = one(Limiter([wide], made), clock).header("x-ratelimit-remaining")
    assert left == "7", "one request and this one were charged"


def test_a_shadow_refuses_nobody_and_is_counted(made: Parts, clock: MockClock) -> None:
    limiter = Limiter([rule(made, "1/minute", shadow=True), rule(made, "3/minute", by="ip")], made)
    answers = [one(limiter, clock) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert counted(made, "sluicegate_limit_shadow_refused_total", made.scope, "1-minute") == 2 + 1
    assert answers[0].header("ratelimit") == '"3-minute";r=2;t=40', "shadows are not announced"


def test_the_longest_wait_is_promised_and_every_limit_that_refused_is_named(
    made: Parts, clock: MockClock
) -> None:
    limiter = Limiter([rule(made, "1/second", "1/hour", "9/hour")], made)
    one(limiter, clock)
    refused = one(limiter, clock)
    assert refused.status == 429
    problem = refused.problem()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["1-second", "1-hour"]
    assert problem["detail"] == "the limit of 1/hour is used up"
    assert int(refused.header("retry-after") or 0) > 1


def test_what_never_fits_is_told_so_and_promised_nothing(made: Parts, clock: MockClock) -> None:
    size = rule(made, "10/minute", unit="bytes")
    limiter = Limiter([size, rule(made, "1/hour")], made)
    one(limiter, clock)
    refused = one(limiter, clock, request_body=body(length=11))
    assert (refused.status, refused.header("retry-after")) == (429, None)
    assert (
        refused.problem()["detail"] == "the limit of 10/minute never holds what this request costs"
    )


# --- refusals that are known --------------------------------------------------------------------


def test_whoever_was_refused_is_not_counted_again_until_the_time_is_over(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    limiter = Limiter([rule(made, "1/second burst 1")], made)
    assert [one(limiter, clock).status for _ in range(50)] == [200, *[429] * 49]
    assert len(state.asked) == 2
    clock.advance(0.999)
    refused = one(limiter, clock)
    assert (refused.status, refused.header("retry-after")) == (429, "1")
    clock.advance(0.001)
    assert one(limiter, clock).status == 200
    assert len(state.asked) == 3


def test_what_can_be_given_back_is_asked_every_time(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    limiter = Limiter([rule(made, "1/minute"), slots(made, 5)], made)
    assert [one(limiter, clock).status for _ in range(3)] == [200, 429, 429]
    assert len(state.asked) == 3


# --- the state is away --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("away", "admitted"), [("share", 2), ("local", 8), ("allow", 20), ("deny", 0)]
)
def test_while_the_state_is_away_a_limit_does_what_it_says(
    away: str, admitted: int, made: Parts, state: Watched, clock: MockClock
) -> None:
    state.away = True
    limiter = Limiter([rule(made, "8/minute", away=away)], made)
    answers = [one(limiter, clock) for _ in range(20)]
    assert [answer.status for answer in answers].count(200) == admitted
    assert {answer.status for answer in answers} <= ({200, 503} if away == "deny" else {200, 429})
    assert {answer.header("sluicegate-degraded") for answer in answers} == {
        f'"8-minute";away={away}'
    }
    assert counted(made, "sluicegate_limit_degraded_total", made.scope, away) == 20


def test_a_refusal_for_want_of_the_state_says_so(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    state.away = True
    refused = one(Limiter([rule(made, "8/minute", away="deny")], made), clock)
    assert (refused.status, refused.header("retry-after")) == (503, "1")
    assert refused.problem()["type"].endswith("#temporary-reduced-capacity")


def test_each_limit_has_its_own_way_and_deny_is_the_strongest(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    state.away = True
    rules = [rule(made, "8/minute", away=away) for away in ("allow", "share")]
    assert one(Limiter(rules, made), clock).status == 200
    rules.append(rule(made, "8/minute", away="deny", by="ip"))
    assert one(Limiter(rules, made), clock).status == 503


def test_a_shadow_denies_nobody(made: Parts, state: Watched, clock: MockClock) -> None:
    state.away = True
    assert (
        one(Limiter([rule(made, "8/minute", away="deny", shadow=True)], made), clock).status == 200
    )


def test_what_was_said_while_it_was_away_is_not_remembered(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    state.away = True
    limiter = Limiter([rule(made, "4/minute")], made)
    assert [one(limiter, clock).status for _ in range(3)] == [200, 429, 429]
    state.away = False
    assert one(limiter, clock).status == 200


# --- given back ---------------------------------------------------------------------------------


def test_a_slot_is_free_once_the_answer_is_out(made: Parts, clock: MockClock) -> None:
    limiter = Limiter([slots(made, 1)], made)
    assert [one(limiter, clock).status for _ in range(3)] == [200, 200, 200]


def test_while_a_request_is_under_way_its_slot_is_taken(made: Parts, clock: MockClock) -> None:
    limiter = Limiter([slots(made, 1)], made)

    async def work() -> list[int]:
        go = asyncio.Event()

        async def slow(asked: Exchange) -> None:
            await go.wait()
            await target()(asked)

        first, second = exchange(clock=clock), exchange(clock=clock)
        running = asyncio.create_task(limiter.handle(first, slow))
        await asyncio.sleep(0)
        await limiter.handle(second, target())
        go.set()
        await running
        return [sink(first).status, sink(second).status]

    assert asyncio.run(work()) == [200, 429]


@pytest.mark.parametrize("way", ["cancelled", "failed"])
def test_a_slot_is_freed_on_every_way_out(way: str, made: Parts, clock: MockClock) -> None:
    limiter = Limiter([slots(made, 1)], made)

    async def work() -> int:
        async def ends(asked: Exchange) -> None:  # noqa: ARG001 - the chain's signature
            if way == "failed":
                raise RuntimeError
            await asyncio.Event().wait()

        running = asyncio.create_task(limiter.handle(exchange(clock=clock), ends))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises((asyncio.CancelledError, RuntimeError)):
            await running
        await asyncio.gather(*made.aside)
        again = exchange(clock=clock)
        await limiter.handle(again, target())
        return sink(again).status

    assert asyncio.run(work()) == 200


def test_what_a_request_cost_is_settled_and_the_rest_is_there_again(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    tokens = rule(made, "100/minute", unit="tokens", reserve=60, cost_header="x-tokens")
    limiter = Limiter([tokens, rule(made, "50/minute")], made)

    async def answers(asked: Exchange) -> None:
        asked.attempts = 1
        await target(200, {"x-tokens": "10"})(asked)

    statuses = [run(limiter, exchange(clock=clock), answers).status for _ in range(6)]
    assert statuses == [200, 200, 200, 200, 200, 429], "of 100 five times 10 are spent"
    assert [costs for _, costs in state.settled] == [[10, 1]] * 5


def test_a_cost_that_nobody_tells_stays_as_reserved(made: Parts, clock: MockClock) -> None:
    tokens = rule(made, "100/minute", unit="tokens", reserve=60, cost_header="x-tokens")
    limiter = Limiter([tokens], made)

    async def silent(asked: Exchange) -> None:
        asked.attempts = 1
        await target(200)(asked)

    assert [run(limiter, exchange(clock=clock), silent).status for _ in range(2)] == [200, 429]
    assert counted(made, "sluicegate_limit_unsettled_total", made.scope) == 1


def test_who_leaves_while_the_state_is_asked_takes_nothing(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    limiter = Limiter([slots(made, 1)], made)

    async def work() -> None:
        asked = asyncio.Event()

        async def never(asks: Sequence[Ask], ticket: str = "") -> Verdict:  # noqa: ARG001 - as in the contract
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        state.take = never  # type: ignore[method-assign]
        running = asyncio.create_task(limiter.handle(exchange(clock=clock), target()))
        await asked.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await asyncio.gather(*made.aside)

    asyncio.run(work())
    assert state.settled == [("ticket-1", [0])]


def test_two_limits_that_read_the_same_header_are_both_charged(
    made: Parts, clock: MockClock
) -> None:
    tokens = {"unit": "tokens", "cost_header": "x-tokens"}
    limiter = Limiter([rule(made, f"{n}/minute", name=f"t{n}", **tokens) for n in (30, 99)], made)

    async def answers(asked: Exchange) -> None:
        asked.attempts = 1
        await target(200, {"x-tokens": "10"})(asked)

    for _ in range(3):
        run(limiter, exchange(clock=clock), answers)
    refused = run(limiter, exchange(clock=clock), answers)
    assert (
        refused.header("ratelimit")
        == '"t30-30-minute-tokens";r=0;t=40, "t99-99-minute-tokens";r=69;t=40'
    )


@pytest.mark.parametrize("away", ["share", "allow"])
def test_a_header_that_says_a_cost_goes_no_further_while_the_state_is_away(
    away: str, made: Parts, state: Watched, clock: MockClock
) -> None:
    state.away = True
    limiter = Limiter(
        [rule(made, "99/minute", unit="tokens", cost_header="x-tokens", away=away)], made
    )
    answer = run(limiter, exchange(clock=clock), target(200, {"x-tokens": "10"}))
    assert (answer.status, answer.header("x-tokens")) == (200, None)


def test_what_a_request_cost_while_the_state_is_away_is_settled_within_our_part(
    made: Parts, state: Watched, clock: MockClock
) -> None:
    state.away = True
    limiter = Limiter(
        [rule(made, "100/second burst 100", unit="tokens", cost_header="x-tokens")], made
    )

    async def answers(asked: Exchange) -> None:
        asked.attempts = 1
        clock.advance(0.05)
        await target(200, {"x-tokens": "4"})(asked)

    admitted = 0
    for _ in range(400):
        admitted += 4 * (run(limiter, exchange(clock=clock), answers).status == 200)
        clock.advance(0.01)
    part = 25 + 25 * (clock.monotonic() - 1000)
    assert part * 0.8 <= admitted <= part + 4


# --- waiting, lending, own limits ---------------------------------------------------------------


def test_a_leaky_bucket_makes_requests_wait_their_turn(made: Parts, clock: MockClock) -> None:
    limiter = Limiter([rule(made, "10/second delay 1s")], made)

    async def work() -> list[float]:
        gone: list[float] = []

        async def onward(asked: Exchange) -> None:
            gone.append(round(clock.monotonic() - 1000, 3))
            await target()(asked)

        tasks = [
            asyncio.create_task(limiter.handle(exchange(clock=clock), onward)) for _ in range(3)
        ]
        for _ in range(30):
            await asyncio.sleep(0)
            clock.advance(0.01)
        await asyncio.gather(*tasks)
        return gone

    gone = asyncio.run(work())
    assert gone[0] == 0.0
    assert gone[1] >= 0.1
    assert gone[2] >= 0.2


def test_a_consumer_with_limits_of_their_own_has_these(made: Parts, clock: MockClock) -> None:
    limiter = Limiter([rule(made, "1/minute", name="calls", by="route")], made)

    def asked(own: dict[str, list[str]]) -> int:
        from sluicegate.model.consumer import Consumer  # noqa: PLC0415 - short here

        request = exchange(clock=clock)
        request.consumer, request.consumer_name = Consumer(limits=own), "ada"
        return run(limiter, request).status

    own = {"calls": ["3/minute"]}
    assert [asked({}), asked({})] == [200, 429]
    assert [asked(own) for _ in range(3)] == [200, 200, 429], "the first request counts for both"
