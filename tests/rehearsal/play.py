"""Plays scenarios one after another on one cluster, and works out what each has shown."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from rehearsal.access import scraped, two_clients
from rehearsal.growth import scale
from rehearsal.report import Report
from rehearsal.scenarios import (
    Pace,
    Scenario,
    broken_config,
    config_change,
    failing_hook,
    install,
    rolling_update,
    secret_rotation,
)
from rehearsal.troubles import database_kill, node_drain, pod_kill, valkey_primary_kill
from rehearsal.world import World


@dataclass(frozen=True, slots=True)
class Setup:
    """A scenario by its name in the table; `quiet` sends no load of its own."""

    name: str
    play: Scenario
    loaded: bool = True


INSTALL = Setup("install", install)
SETUPS = (
    Setup("two clients", two_clients, loaded=False),
    Setup("scraped", scraped, loaded=False),
    Setup("rolling update", rolling_update),
    Setup("config change", config_change),
    Setup("broken config", broken_config),
    Setup("failing hook", failing_hook),
    Setup("secret rotation", secret_rotation),
    Setup("pod kill", pod_kill),
    Setup("valkey primary kill", valkey_primary_kill),
    Setup("database kill", database_kill),
    Setup("node drain", node_drain),
    Setup("scale 3-10-3", scale),
)


def chosen(words: Sequence[str]) -> list[Setup]:
    """Return `install`, and the scenarios whose names hold one of the words (none: all).

    Raises ValueError that lists the names for a word that is in none of them.
    """
    names = [each.name for each in (INSTALL, *SETUPS)]
    for word in words:
        if not any(word in name for name in names):
            raise ValueError(f"no scenario is called {word!r}; there are: {', '.join(names)}")
    asked = [each for each in SETUPS if not words or any(word in each.name for word in words)]
    return [INSTALL, *asked]


async def play(setup: Setup, at: World, pace: Pace) -> Report:
    """Run one scenario and work out its row. Whatever it raises is what does not hold."""
    report = Report(setup.name)
    at.crowd.forget()
    at.deaths.clear()
    try:
        async with at.watched(report):
            await setup.play(at, pace, report)
    except Exception as error:  # noqa: BLE001 - others still have something to tell
        traceback.print_exc(file=sys.stderr)
        report.wrong.append(f"it ended: {type(error).__name__}: {error}")
    if setup.loaded:
        report.load(at.crowd.results, at.evidence())
    return report
