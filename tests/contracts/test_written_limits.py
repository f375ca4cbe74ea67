"""All that operators may write is counted by a real Valkey: each unit, notation and mode."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import msgspec
import pytest

from sluicegate.journey.limit.amount import MOST, MOST_NANO
from sluicegate.journey.limit.rate_limit import Config, Policy
from sluicegate.model.units import convert
from sluicegate.state.contract import Ask, Group
from support.counting import Counting, counting
from support.exchanges import parts
from support.mock_clock import MockClock
from support.valkey import Valkey

AMOUNTS = {"requests": ["100"], "bytes": ["900", "1MB", "64KiB"], "tokens": ["100"],
           "usd": ["3", "0.25"]}  # fmt: skip
NOTATIONS = ["{}/day", "{}/day sliding", "{}/day log", "{}/day burst {}", "{}/day delay 2s"]
MODES = ["exact", "leased", "eventual"]


def written() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every way to write a limit: how, and the settings."""
    for (unit, amounts), notation, mode in product(AMOUNTS.items(), NOTATIONS, MODES):
        told = {"cost_header": "x-cost"} if unit in {"tokens", "usd"} else {}
        for amount in amounts:
            allow = notation.format(amount, amount)
            settings = {"allow": [allow], "unit": unit, "mode": mode}
            yield f"{allow} of {unit}, {mode}", settings | told


def possible() -> list[Any]:
    """Return those that are not refused when a configuration is read."""
    found = []
    for how, settings in written():
        try:
            convert(settings, Config)
        except msgspec.ValidationError:
            continue
        found.append(pytest.param(settings, id=how))
    return found


@pytest.fixture(scope="module")
def state(shared_valkey: Valkey) -> Iterator[Counting]:
    with counting(shared_valkey.url, namespace="written") as opened:
        yield opened


def group_of(settings: dict[str, Any]) -> Group:
    config = convert(settings, Config)
    return Policy(config, parts(MockClock(), repr(settings))).rules[0].limits.group


def test_every_unit_notation_and_mode_is_possible_somewhere() -> None:
    settings = [one.values[0] for one in possible()]
    assert {one["unit"] for one in settings} == set(AMOUNTS)
    assert {one["mode"] for one in settings} == set(MODES)
    assert len(settings) > len(AMOUNTS) * len(NOTATIONS)


@pytest.mark.parametrize("settings", possible())
def test_what_is_written_is_taken_settled_and_lent(
    state: Counting, settings: dict[str, Any]
) -> None:
    group = group_of(settings)
    ask = Ask(group, "ada")
    first = state.call(state.state.take([ask], "t"))
    assert first.admitted
    assert first.outcomes[0].limit == group.limits[0].algorithm.limit
    if settings["mode"] == "leased":
        (block,) = state.call(state.state.lend(ask, [1], "b"))
        assert block.granted == 1
    if group.settles:
        most = MOST_NANO if settings["unit"] == "usd" else MOST
        state.call(state.state.settle([ask], "t", [most]))
        assert not state.take("ada", group).admitted


@pytest.mark.parametrize("own", ["2MB/hour", "1KiB/hour", "7/hour"])
def test_so_are_limits_of_a_consumers_own(state: Counting, own: str) -> None:
    config = convert({"allow": ["1MB/hour"], "unit": "bytes", "name": "api"}, Config)
    config.check_own([own])
    rule = Policy(config, parts(MockClock(), own)).rules[0]
    assert state.take("ada", rule.limits_of({"api": [own]}).group).admitted
