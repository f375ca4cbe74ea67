"""The scenarios of `make rehearsal` in short, on one cluster: what must hold does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from rehearsal.access import scraped, two_clients
from rehearsal.play import INSTALL, Setup, play
from rehearsal.scenarios import SHORT, config_change, rolling_update
from rehearsal.table import table
from rehearsal.troubles import pod_kill
from rehearsal.world import World, world
from support.loops import LoopThread

QUICK = {
    "gateway": {"drain": {"preStop": "1s", "grace": "1s", "deadline": "5s"}, "minReadySeconds": 1},
    "config": {"state": {"timeout": "2s", "connect_timeout": "5s"}},
}
"""Pods are replaced sooner than by the chart, whose own times `make rehearsal` has. A state that is
late on a busy machine is not away: each gateway would admit its part of a limit besides."""
IN_SHORT = (
    INSTALL,
    Setup("two clients", two_clients, loaded=False),
    Setup("config change", config_change),
    Setup("pod kill", pod_kill),
    Setup("scraped", scraped, loaded=False),
    Setup("rolling update", rolling_update),
)
"""One after another on one cluster; all of `SETUPS` takes too long for every test run."""
WITHIN_S = 230
"""Of each. An install takes half a minute on two idle cores, and three gateways are replaced in as
long."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[LoopThread, World]]:
    """A cluster on which nothing is installed yet."""
    thread, stack = LoopThread(), AsyncExitStack()
    try:
        at = thread.call(stack.enter_async_context(world(tmp_path / "world", **QUICK)), WITHIN_S)
        yield thread, at
    finally:
        thread.call(stack.aclose(), WITHIN_S)
        thread.close()


@pytest.mark.bound_s(400)
def test_nothing_that_can_be_saved_fails_in_the_life_of_a_release_of_the_chart(
    cluster: tuple[LoopThread, World],
) -> None:
    thread, at = cluster
    reports = [thread.call(play(setup, at, SHORT), WITHIN_S) for setup in IN_SHORT]
    sys.stdout.write(table(reports))
    assert not [each.broken for each in reports if each.broken], table(reports)
