"""`auth_failures`: who fails too often is refused before a key is looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from sluicegate.errors import FORBIDDEN, UNAUTHENTICATED, Refused, StateAway
from sluicegate.exchange import Exchange
from sluicegate.journey.authenticate import api_key
from sluicegate.journey.screen.auth_failures import Config, Policy
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from sluicegate.snapshot.keys import KeyDirectory
from sluicegate.state.contract import Ask, Verdict
from sluicegate.state.memory import MemoryState
from support.exchanges import ClientSide, counted, exchange, parts, run, target
from support.mock_clock import MockClock


class Watched(MemoryState):
    """A state that counts what it is asked, and may be away."""

    asked = 0
    gone = False

    async def take(self, asks: Sequence[Ask], ticket: str = "") -> Verdict:
        self.asked += 1
        if self.gone:
            raise StateAway
        return await super().take(asks, ticket)


def watched(clock: MockClock, workers: int = 1) -> tuple[Watched, Parts]:
    state = Watched(clock, parts(clock).metrics)
    return state, replace(parts(clock, workers=workers), state=state)


async def refusing(asked: Exchange) -> None:
    asked.refuse(UNAUTHENTICATED)


async def never(_: Exchange) -> None:
    raise AssertionError("a key was looked up")


def made(given: Parts, *allow: str, **more: Any) -> Policy:
    return Policy(convert({"allow": list(allow), **more}, Config), given)


def fail(policy: Policy, client_ip: str = "192.0.2.7") -> ClientSide:
    return run(policy, exchange(client_ip=client_ip), refusing)


def test_one_more_than_the_limit_fails_and_then_the_address_is_refused() -> None:
    clock = MockClock()
    policy = made(parts(clock), "3/minute burst 3")
    assert [fail(policy).status for _ in range(4)] == [401, 401, 401, 401]
    refused = run(policy, exchange(), never)
    assert refused.status == 429
    assert refused.problem()["type"].endswith("abnormal-usage-detected")
    assert refused.problem()["violated-policies"] == ["failures-3-minute-burst-3"]
    assert refused.header("retry-after") == "20"
    clock.advance(20)
    assert run(policy, exchange()).status == 200


def test_keys_that_are_guessed_are_not_looked_up_once_the_address_is_refused() -> None:
    clock = MockClock()
    given = parts(clock)
    policy = made(given, "2/hour")
    keys = api_key.Policy(api_key.Config(), given)
    looked_up: list[bytes] = []

    class Keys(dict[bytes, Any]):
        def get(self, key: bytes, default: Any = None) -> Any:  # type: ignore[override]
            looked_up.append(key)
            return default

    held = Keys({b"the digest of theirs": None})

    def guess(number: int) -> int:
        asked = exchange(headers={"x-api-key": f"guess-{number}"})
        asked.snapshot.keys = KeyDirectory([("p", b"p" * 32, held)])
        return run(policy, asked, lambda inner: keys.handle(inner, target())).status

    assert [guess(number) for number in range(6)] == [401, 401, 401, 429, 429, 429]
    assert len(looked_up) == 3


def test_others_are_not_refused_with_it() -> None:
    policy = made(parts(MockClock()), "1/day")
    fail(policy), fail(policy)
    assert run(policy, exchange()).status == 429
    assert run(policy, exchange(client_ip="192.0.2.8")).status == 200


def test_who_does_not_fail_costs_the_state_no_question() -> None:
    state, given = watched(MockClock())
    policy = made(given, "1/day")
    for _ in range(5):
        assert run(policy, exchange(), target(200)).status == 200
    assert state.asked == 0


def test_who_is_refused_costs_no_question_either() -> None:
    state, given = watched(MockClock())
    policy = made(given, "1/day")
    fail(policy), fail(policy)
    asked = state.asked
    assert [run(policy, exchange(), never).status for _ in range(5)] == [429] * 5
    assert state.asked == asked


def test_only_our_own_401_counts() -> None:
    policy = made(parts(MockClock()), "1/day")

    async def forbidden(asked: Exchange) -> None:
        asked.refuse(FORBIDDEN)

    for _ in range(3):
        assert run(policy, exchange(), target(401)).status == 401
        assert run(policy, exchange(), forbidden).status == 403
    assert run(policy, exchange(), target()).status == 200


def test_a_refusal_that_was_raised_counts_too() -> None:
    policy = made(parts(MockClock()), "1/day")

    async def raising(_: Exchange) -> None:
        raise Refused(UNAUTHENTICATED)

    assert [run(policy, exchange(), raising).status for _ in range(3)] == [401, 401, 429]


def test_two_workers_count_together_and_each_lets_one_more_through() -> None:
    clock = MockClock()
    state, given = watched(clock)
    one, other = made(given, "2/day"), made(given, "2/day")
    assert [fail(one).status for _ in range(3)] == [401] * 3
    assert [fail(other).status for _ in range(2)] == [401, 429]
    assert run(one, exchange(), never).status == 429
    assert state.asked == 4


@pytest.mark.parametrize(("away", "failures"), [("share", 2), ("local", 3), ("allow", 9)], ids=str)
def test_while_the_state_is_away_each_way_counts_as_it_says(away: str, failures: int) -> None:
    state, given = watched(MockClock(), workers=2)
    state.gone = True
    policy = made(given, "2/day", away=away)
    found = [fail(policy).status for _ in range(9)]
    assert found == [401] * failures + [429] * (9 - failures)


def test_failures_and_refusals_are_counted() -> None:
    given = parts(MockClock())
    policy = made(given, "1/day")
    for _ in range(5):
        fail(policy)
    place = "route:things"
    assert counted(given, "sluicegate_authentication_failures_total", place) == 2
    assert counted(given, "sluicegate_limit_refused_total", place, "failures-1-day") == 3


def test_a_prefix_fails_together() -> None:
    policy = made(parts(MockClock()), "1/day", prefix_v4=24)
    assert [fail(policy, f"192.0.2.{n}").status for n in (1, 2, 3)] == [401, 401, 429]
