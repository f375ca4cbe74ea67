"""The standing of a target: vectors, and a machine that is compared with a simple model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from structlog.testing import capture_logs

from sluicegate.model.resilience import Breaker, Check, Ejection
from sluicegate.model.units import Duration
from sluicegate.upstream.health.news import News
from sluicegate.upstream.health.standing import NO_TERM
from support.standing_model import BREAKER as MODELLED
from support.standing_model import EJECTION as EJECTED
from support.standing_model import Call, Model
from support.standings import Wardroom

BREAKER = Breaker(window=8, min_calls=4, failures=50, open=Duration(20), probes=3)
EJECTION = Ejection(consecutive=2, time=Duration(10), max_time=Duration(25))


def opened(**more: Any) -> Wardroom:
    """A target whose breaker has just opened, and a sibling."""
    ward = Wardroom("a", "b", breaker=BREAKER, **more)
    ward.fail("a", 4)
    assert ward["a"].state == "out"
    return ward


def on_trial(**more: Any) -> Wardroom:
    """The same at the end of its time."""
    ward = opened(**more)
    ward.advance(20)
    assert ward["a"].state == "trial"
    return ward


def reloaded(before: Wardroom, **config: Any) -> Wardroom:
    """The same two targets under another configuration."""
    after = Wardroom("a", "b", previous=before, **config)
    succeed(before, after)
    return after


def succeed(before: Wardroom, after: Wardroom) -> None:
    for label in before.labels:
        after[label].resume(before[label])
    before.close()


def heard(ward: Wardroom) -> list[tuple[str, float]]:
    return [(news.cause, news.seconds) for news in ward.told]


# --- in and out ----------


def test_a_share_of_bad_calls_opens_the_breaker() -> None:
    ward = Wardroom("a", breaker=BREAKER, ejection=EJECTION)
    for bad in (True, False, True, False):
        assert ward.available("a")
        ward.call("a", bad=bad)
    assert not ward.available("a")
    assert ward.told == [News("s", "a", "out", "open", 20.0)]


def test_failures_in_a_row_eject() -> None:
    ward = Wardroom("a", "b", ejection=EJECTION)
    for bad in (True, False, True, False, True):
        ward.call("a", bad=bad)
    assert ward.states() == ["in", "in"]
    ward.call("a", bad=True)
    assert ward.states() == ["out", "in"]
    assert ward.told == [News("s", "a", "out", "ejected", 10.0)]


def test_only_failures_that_all_could_not_connect_are_unreachable() -> None:
    ward = Wardroom("a", ejection=EJECTION)
    for gone in (True, False, True):
        ward.call("a", bad=True, unreachable=gone)
    assert ward["a"].state == "in"  # the only target, and it did answer
    ward.call("a", bad=True, unreachable=True)
    assert ward.told == [News("s", "a", "out", "ejected", 10.0, unreachable=True)]


def test_with_everything_off_a_target_is_always_in() -> None:
    ward = Wardroom("a", "b")
    ward.fail("a", 100, unreachable=True)
    ward["a"].set_aside(10)
    ward.hear("a", "out", "open", 10.0)
    ward.hear("a", "out", "ejected", 10.0, unreachable=True)
    assert ward.states() == ["in", "in"]
    assert ward.watched == 0


def test_a_target_is_watched_only_while_it_is_out() -> None:
    ward = Wardroom("a", "b", breaker=BREAKER)
    assert ward.watched == 0
    ward.fail("a", 4)
    assert ward.watched == 1
    ward.advance(20)
    assert ward.watched == 0
    ward.close()


def test_times_out_grow_with_ejections_and_shrink_in_health() -> None:
    ward = Wardroom("a", "b", ejection=EJECTION)
    for health_s in (0, 0, 0, 10, 1000):
        ward.advance(health_s)
        ward.fail("a", 2)
        ward.advance(30)
        ward.call("a")
        assert ward["a"].state == "in"
    assert [news.seconds for news in ward.told] == [10, 20, 25, 25, 10]


def test_health_before_a_time_out_of_another_cause_counts_too() -> None:
    ward = Wardroom("a", "b", breaker=BREAKER, ejection=EJECTION)
    ward.fail("a", 2)
    ward.advance(10)
    for _ in range(3):
        ward.call("a")
    ward.advance(10)  # makes up for the ejection
    ward.hear("a", "out", "open", 1.0)
    ward.advance(1)
    for _ in range(3):
        ward.call("a")
    ward.fail("a", 2)
    assert [news.seconds for news in ward.told] == [10, 10]


# --- trial ----------


def test_all_calls_of_a_trial_have_to_do_well() -> None:
    ward = on_trial()
    for _ in range(3):
        assert ward["a"].state == "trial"
        ward.call("a")
    assert ward["a"].state == "in"
    assert ward.returns == ["a"]
    ward.fail("a", 3)  # the window is empty again
    assert ward["a"].state == "in"


def test_one_bad_call_of_a_trial_takes_the_target_out_again() -> None:
    ward = on_trial()
    ward.call("a")
    ward.call("a", bad=True)
    assert [news.cause for news in ward.told] == ["open", "open"]
    assert (ward["a"].state, ward["a"].left()) == ("out", 20)
    ward.advance(20)
    assert ward["a"].state == "trial"
    assert ward.returns == []


def test_no_more_calls_than_permitted_go_through_a_trial() -> None:
    ward = on_trial()
    terms = [ward["a"].begin() for _ in range(3)]
    assert not ward.available("a")
    assert ward["a"].begin() == NO_TERM  # chosen just before
    ward["a"].ended(NO_TERM, True)
    assert ward["a"].state == "trial"
    for term in terms:
        ward["a"].ended(term, False)
    assert ward["a"].state == "in"
    assert ward.available("a")


def test_a_permit_that_comes_back_is_handed_out_again() -> None:
    ward = on_trial()
    terms = [ward["a"].begin() for _ in range(3)]
    ward["a"].released(terms.pop())
    assert ward.available("a")
    assert ward["a"].begin() == terms[0]
    assert not ward.available("a")


def test_a_trial_of_which_nothing_is_heard_has_failed() -> None:
    ward = on_trial()
    for _ in range(3):
        ward["a"].begin()
    ward.advance(3)
    assert ward["a"].state == "trial"
    ward.advance(0.2)  # later than `slow`
    assert ward["a"].state == "out"


def test_a_trial_with_permits_left_waits_for_calls() -> None:
    ward = on_trial()
    terms = [ward["a"].begin() for _ in range(3)]
    ward.advance(1)
    ward["a"].released(terms[0])
    ward.advance(1000)
    assert ward["a"].state == "trial"


def test_an_only_target_that_answers_again_is_in_whatever_it_answers() -> None:
    ward = Wardroom("a", ejection=EJECTION)
    ward.fail("a", 2, unreachable=True)
    ward.advance(10)
    ward.fail("a", 1, unreachable=True)
    assert ward["a"].state == "out"
    ward.advance(20)
    ward.fail("a", 1)
    assert ward["a"].state == "in"


def test_a_failure_after_a_good_head_counts_in_the_same_trial() -> None:
    ward = on_trial()
    term = ward["a"].begin()
    ward["a"].ended(term, False)
    ward["a"].ended(term, True)
    assert ward["a"].state == "out"


# --- late outcomes ----------


def test_late_outcomes_do_not_lengthen_the_time_out() -> None:
    ward = Wardroom("a", breaker=BREAKER)
    late = [ward["a"].begin() for _ in range(4)]
    ward.fail("a", 4)
    ward.advance(15)
    for term in late:
        ward["a"].ended(term, True)
    assert ward["a"].left() == pytest.approx(5)
    assert len(ward.told) == 1


@pytest.mark.parametrize("bad", [False, True])
def test_late_outcomes_decide_no_trial(bad: bool) -> None:  # noqa: FBT001 - a case
    ward = Wardroom("a", breaker=BREAKER)
    late = [ward["a"].begin() for _ in range(9)]
    ward.fail("a", 4)
    ward.advance(20)
    for term in late[:6]:
        ward["a"].ended(term, bad)
    assert ward["a"].state == "trial"
    ward["a"].released(late[6])  # nor do they bring permits
    terms = [ward["a"].begin() for _ in range(3)]
    assert not ward.available("a")
    for term in terms:
        ward["a"].ended(term, False)
    for term in late[6:]:
        ward["a"].ended(term, True)
    assert ward["a"].state == "in"
    ward.fail("a", 3)
    assert ward["a"].state == "in"  # they are not in the new window either


# --- 503 with Retry-After ----------


@pytest.mark.parametrize(("asked_s", "left_s"), [(5, 5), (600, 25), (0, 0), (-1, 0)])
def test_a_target_is_left_alone_as_long_as_it_asked_for(asked_s: float, left_s: float) -> None:
    ward = Wardroom("a", "b", breaker=BREAKER, ejection=EJECTION)
    ward["a"].set_aside(asked_s)
    assert ward["a"].left() == left_s
    ward.advance(left_s)
    assert ward["a"].state == ("trial" if left_s else "in")
    assert ward.told == []


def test_asking_is_bounded_by_the_share_and_useless_for_an_only_target() -> None:
    ward = Wardroom("a", "b", ejection=EJECTION)
    ward["a"].set_aside(5)
    ward["b"].set_aside(5)
    assert ward.states() == ["out", "in"]
    only = Wardroom("a", ejection=EJECTION)
    only["a"].set_aside(5)
    assert only.states() == ["in"]


def test_asking_can_only_lengthen_a_time_out() -> None:
    ward = Wardroom("a", "b", ejection=EJECTION)
    ward.fail("a", 2)
    ward["a"].set_aside(4)
    assert ward["a"].left() == 10
    ward["a"].set_aside(15)
    assert ward["a"].left() == 15
    ward.advance(15)
    ward["a"].set_aside(3)  # on trial
    assert (ward["a"].state, ward["a"].left()) == ("out", 3)
    ward.advance(3)
    ward.fail("a", 1)
    assert ward.told[-1].seconds == 20  # the second ejection


# --- reload ----------


def test_a_reload_goes_on_where_the_target_was() -> None:
    ward = Wardroom("a", "b", breaker=BREAKER)
    ward.fail("a", 3)
    ward.fail("b", 4)
    ward.advance(5)
    after = reloaded(ward, breaker=BREAKER)
    assert [after["b"].left(), after.available("b"), after.metric("breaker_state", "b")] == [
        15, False, 2
    ]  # fmt: skip
    after.fail("a", 1)
    assert after.states() == ["out", "out"]
    after.advance(15)
    assert after.states() == ["out", "trial"]


def test_attempts_from_before_a_reload_report_to_the_one_after_it() -> None:
    ward = on_trial()
    terms = [ward["a"].begin() for _ in range(3)]
    after = reloaded(reloaded(ward, breaker=BREAKER), breaker=BREAKER)
    assert not after.available("a")
    ward["a"].released(terms[0])
    assert after.available("a")
    assert ward["a"].begin() == terms[0]  # a retry under the earlier configuration
    assert not after.available("a")
    for term in terms:
        ward["a"].ended(term, False)
    assert (ward["a"].state, after["a"].state, after.returns) == ("in", "in", ["a"])
    late = ward["a"].begin()
    for _ in range(4):
        ward["a"].ended(late, True)
    assert (ward["a"].state, ward["a"].left()) == ("out", 20)
    ward["a"].set_aside(5)


def test_a_trial_of_which_nothing_is_heard_fails_after_a_reload_too() -> None:
    ward = on_trial()
    for _ in range(3):
        ward["a"].begin()
    ward.advance(2)
    after = reloaded(ward, breaker=BREAKER)
    after.advance(1.2)
    assert after["a"].state == "out"


def test_a_configuration_that_is_refused_leaves_everything_as_it_was() -> None:
    ward = opened()
    refused = Wardroom("a", breaker=BREAKER, previous=ward)
    refused["a"].resume(ward["a"])
    refused.close()
    assert [ward.metric("breaker_state", "a"), ward.metric("target_available", "a")] == [2, 0]
    assert ward["a"].state == "out"
    after = reloaded(ward, breaker=BREAKER)
    assert after["a"].state == "out"


@pytest.mark.parametrize(("config", "state"), [({}, "in"), ({"breaker": BREAKER}, "out")])
def test_what_is_turned_off_keeps_no_target_out(config: Any, state: str) -> None:
    assert reloaded(opened(), **config)["a"].state == state
    on = reloaded(on_trial(), **config)
    assert on["a"].state == ("in" if state == "in" else "trial")


def test_a_target_that_is_checked_no_more_is_not_down() -> None:
    ward = Wardroom("a", "b", breaker=BREAKER, check=Check())
    ward.hear("a", "down")
    after = reloaded(ward, check=Check(), breaker=BREAKER)
    assert (after["a"].state, after.returns) == ("down", [])
    ward = opened(check=Check())
    ward.hear("a", "down")
    ward.hear("b", "down")
    ward.advance(30)
    assert ward["a"].left() == 0
    after = reloaded(ward, breaker=BREAKER)
    assert (after.states(), after.returns) == (["trial", "in"], ["b"])


def test_a_target_that_is_gone_leaves_nothing_bad_in_the_metrics() -> None:
    ward = opened()
    ward.close()
    ward.close()
    assert [ward.metric("breaker_state", "a"), ward.metric("target_available", "a")] == [0, 1]
    assert ward.watched == 0
    ward.hear("a", "back")
    ward["a"].set_aside(9)
    ward["a"].ended(ward["a"].begin(), True)
    late = Wardroom("a", breaker=BREAKER, previous=ward)
    late["a"].resume(ward["a"])
    assert late["a"].left() == 20


# --- against a model ----------


class Standings(RuleBasedStateMachine):
    """One target of four gets calls and news; its siblings are only out, or not."""

    @initialize()
    def begin(self) -> None:
        self._quiet = capture_logs()
        self._quiet.__enter__()
        self.ward = self.room(None)
        self.model = Model(self.ward.clock.monotonic())
        self.calls: list[Call] = []
        self.told: list[tuple[str, float]] = []

    def room(self, previous: Wardroom | None) -> Wardroom:
        check = Check()
        return Wardroom(*"abcd", breaker=MODELLED, ejection=EJECTED, check=check, previous=previous)

    def teardown(self) -> None:
        self._quiet.__exit__(None, None, None)

    @property
    def now(self) -> float:
        return float(self.ward.deadlines.now)

    @rule(count=st.integers(1, 4))
    def calls_begin(self, count: int) -> None:
        for _ in range(count):
            standing = self.ward["a"]
            term = standing.begin()
            self.calls.append(self.model.begin(standing, term, self.now))

    @rule(data=st.data(), outcome=st.sampled_from(["ok", "ok", "bad", "bad", "gone", "released"]))
    def a_call_ends(self, data: st.DataObject, outcome: str) -> None:
        if self.calls:
            call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
            if outcome == "released":
                call.standing.released(call.term)
            else:
                gone = outcome == "gone"
                call.standing.ended(call.term, outcome != "ok", unreachable=gone)
            self.model.end(call, outcome, self.now)

    @rule(ticks=st.sampled_from([1, 3, 9, 10, 11, 20, 25]))
    def time_passes(self, ticks: int) -> None:
        for _ in range(ticks):
            self.ward.advance(0.1)
            self.model.tick(self.now)

    @rule(
        event=st.sampled_from(["out", "back", "up", "down"]),
        cause=st.sampled_from(["open", "ejected"]),
        tenths=st.integers(0, 30),
        unreachable=st.booleans(),
    )
    def news_come(self, event: str, cause: str, tenths: int, unreachable: bool) -> None:  # noqa: FBT001 - drawn
        seconds = tenths / 10
        self.ward.hear("a", event, cause, seconds, unreachable=unreachable)
        self.model.hear(event, cause, seconds, unreachable, self.now)

    @rule(seconds=st.integers(1, 9))
    def it_asks_to_be_left_alone(self, seconds: int) -> None:
        self.ward["a"].set_aside(seconds)
        self.model.set_aside(seconds, self.now)

    @rule(out=st.integers(0, 3))
    def siblings_go_out(self, out: int) -> None:
        for number, label in enumerate("bcd"):
            self.ward.hear(label, "down" if number < out else "up")
        self.model.others_out = out

    @rule()
    def the_configuration_is_loaded_again(self) -> None:
        self.told += heard(self.ward)
        before, self.ward = self.ward, self.room(self.ward)
        succeed(before, self.ward)

    @invariant()
    def they_agree(self) -> None:
        standing = self.ward["a"]
        assert standing.state == self.model.state
        assert standing.target.available == self.model.available
        assert self.told + heard(self.ward) == self.model.told
        if self.model.state == "out":
            assert standing.left() == pytest.approx(max(0, (self.model.until or 0) - self.now))


Standings.TestCase.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
TestStandings = Standings.TestCase
