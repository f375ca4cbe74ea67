from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sluicegate.admin.budget_places import (
    BudgetPlace,
    Period,
    bounds_of,
    entries_of,
    period_of,
    read_place,
)
from sluicegate.admin.instants import micros
from sluicegate.journey.limit.budget import Config
from sluicegate.journey.limit.budget_subject import BETWEEN, budget_subject
from sluicegate.journey.limit.budget_terms import wanted
from sluicegate.journey.limit.rule import Limits
from sluicegate.state.contract import Group


def test_a_place_says_name_subject_and_scope() -> None:
    config = Config(allow=["1/day"], name="api", by=["consumer", "model"])
    found = read_place(f"{config.identity};route:chat")
    assert found == BudgetPlace("api", ("consumer", "model"), "route:chat")
    for other in ("fixed;consumer;gateway", "budget;api;consumer", "", "x;api;consumer;gateway"):
        assert read_place(other) is None


@pytest.mark.parametrize("scope", ["gateway", "route:chat", "plan:free", "route:a:b/c"])
@pytest.mark.parametrize("by", ["consumer", ["team", "model"], ["key", "plan", "route"]])
def test_the_entries_of_counts_are_those_that_a_worker_asks_for(
    scope: str, by: str | list[str]
) -> None:
    config = Config(allow=["1/day", "3/month"], by=by)
    place = f"{config.identity};{scope}"
    subject = budget_subject(by)
    counted = BETWEEN.join(["-", "==x", "=y"][: len(subject.kinds)])
    terms = config.terms()
    limits = [type("L", (), {"label": f"spending-{a.period}", "algorithm": a})
              for a in terms.read(terms.allow)]  # fmt: skip
    for each in limits:
        each.algorithm = type("A", (), {"limit": 1, "code": "spending"})  # type: ignore[attr-defined]
    made = Limits(Group(place, limits, settles=True), [], [], "", None)  # type: ignore[arg-type]
    assert entries_of(place, counted) == wanted(subject, scope, made, counted).where


@pytest.mark.parametrize(
    ("place", "subject"),
    [("bucket;x", "=a"), ("budget;;shoe;gateway", "=a"), ("budget;;consumer,model;gateway", "=a")],
)
def test_what_is_no_budgets_has_no_entries(place: str, subject: str) -> None:
    assert entries_of(place, subject) is None


def at(text: str) -> int:
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("minute", "2028-02-29T23:59:00", "2028-03-01T00:00:00"),
        ("hour", "2028-02-29T23:00:00", "2028-03-01T00:00:00"),
        ("day", "2028-02-29T00:00:00", "2028-03-01T00:00:00"),
        ("month", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_a_period_is_one_of_the_calendar(period: Period, start: str, end: str) -> None:
    now_us = at("2028-02-29T23:59:59.999999")
    assert bounds_of(period, now_us) == (at(start), at(end))
    assert bounds_of(period, at(end))[0] == at(end)
    assert period_of(f"spending-{period}") == period


@pytest.mark.parametrize("label", ["spending-week", "fixed-60", "spending-", "day"])
def test_other_labels_have_none(label: str) -> None:
    assert period_of(label) is None
