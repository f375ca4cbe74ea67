"""Metrics for CloudWatch, as a replica writes them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sluicegate.admin.actuator import Silent
from sluicegate.metrics import FamilyDump, Metrics
from sluicegate.process.embedded_metrics import EmbeddedMetrics
from sluicegate.settings import Settings
from sluicegate.settings.emf import Emf
from support.gateway import gateway
from support.loops import run
from support.mock_clock import MockClock
from support.ports import eventually
from support.raw_http import get

YAML = """
gateway: {{workers: {workers}}}
emf: {{namespace: Shop, every: 1s}}
services: {{gone: {{targets: ["http://127.0.0.1:1"]}}}}
routes: {{closed: {{match: {{path: /**}}, service: gone, policies: [{{maintenance: {{}}}}]}}}}
"""


class Counted:
    """A replica that counts requests, and does not always answer."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.silent = False
        family = self.metrics.family(
            "sluicegate_requests_total", "counter", "x", ("route", "method", "status")
        )
        self.cell = family.cell("shop", "GET", "200")

    async def scrape(self) -> list[FamilyDump]:
        if self.silent:
            raise Silent("the supervisor does not answer")
        return self.metrics.dump()


def told(
    work: Callable[[MockClock, Counted, EmbeddedMetrics], Awaitable[None]],
    folder: Path,
    emf: Emf | None,
) -> list[Any]:
    """Run `work`; return the lines that were written."""
    file = folder / "lines"

    async def inner(fd: int) -> None:
        clock, counted = MockClock(), Counted()
        settings = Settings(emf=emf)
        embedded = EmbeddedMetrics(settings, clock, counted.metrics, counted.scrape, fd)
        embedded.start()
        await _turn(clock, 0)
        await work(clock, counted, embedded)
        await embedded.close()

    fd = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        run(inner(fd))
    finally:
        os.close(fd)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line["Requests"] for line in lines if "Route" not in line]


async def _turn(clock: MockClock, seconds: float) -> None:
    clock.advance(seconds)
    for _ in range(10):
        await asyncio.sleep(0)


def test_it_tells_each_interval_and_what_is_left_at_the_end(tmp_path: Path) -> None:
    async def work(clock: MockClock, counted: Counted, _: EmbeddedMetrics) -> None:
        counted.cell.value += 5
        await _turn(clock, 60)
        counted.cell.value += 2
        await _turn(clock, 60)
        counted.cell.value += 1

    assert told(work, tmp_path, Emf()) == [5, 2, 1]


def test_a_replica_that_was_silent_is_told_of_in_the_next_line(tmp_path: Path) -> None:
    async def work(clock: MockClock, counted: Counted, _: EmbeddedMetrics) -> None:
        counted.cell.value += 5
        counted.silent = True
        await _turn(clock, 60)
        counted.silent = False
        counted.cell.value += 2
        await _turn(clock, 60)

    assert told(work, tmp_path, Emf()) == [7, 0]


def test_nothing_is_told_where_nobody_asked(tmp_path: Path) -> None:
    async def work(clock: MockClock, counted: Counted, _: EmbeddedMetrics) -> None:
        counted.cell.value += 5
        await _turn(clock, 120)

    assert told(work, tmp_path, None) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replica_writes_what_its_workers_count_among_its_access_log(
    tmp_path: Path, workers: int
) -> None:
    with gateway(tmp_path, YAML.format(workers=workers)) as running:
        for _ in range(3):
            assert get(running.port, "/").status == 503

        def requests() -> float:
            lines = [line for line in running.access_log() if "_aws" in line]
            return sum(line.get("Requests", 0) for line in lines if line.get("Route") == "closed")

        eventually(lambda: requests() == 3, "all are told of")
