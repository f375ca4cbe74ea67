from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from sluicegate.errors import ConfigError, Fault
from sluicegate.process.loading import IDLE_S, Loader
from support.loops import run
from support.mock_clock import MockClock

VALID = "services:\n  s: {targets: ['http://127.0.0.1:9']}\nroutes:\n"
ROUTE = "  %s: {match: {path: /a}, service: s}\n"


def test_it_loads_again_and_again_and_reports_faults_in_between(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"

    async def scenario() -> None:
        loader = Loader(file, MockClock())
        try:
            file.write_text(VALID + ROUTE % "first")
            first = await loader.load()
            assert ("route", "first") in first.resources.items
            assert (VALID + ROUTE % "first").encode() in first.source
            file.write_text("routes: 5\n")
            with pytest.raises(ConfigError) as caught:
                await loader.load()
            assert caught.value.faults[0].line == 1
            file.write_text(VALID + ROUTE % "second")
            second = await loader.load()
            assert ("route", "second") in second.resources.items
            located = await loader.locate([Fault("routes.second", 0, "late")])
            assert located == [Fault("routes.second", 4, "late")]
            assert ("route", "first") not in second.resources.items
            assert ("route", "first") in first.resources.items
        finally:
            await loader.close()

    run(scenario())


def test_a_loader_that_dies_is_an_error_and_the_next_load_works(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text(VALID + ROUTE % "a")

    async def scenario() -> None:
        loader = Loader(file, MockClock())
        try:
            await loader.load()
            assert loader._child is not None
            os.kill(loader._child.pid, signal.SIGSTOP)
            loading = asyncio.create_task(loader.load())
            await asyncio.sleep(0)
            os.kill(loader._child.pid, signal.SIGKILL)
            with pytest.raises(ConfigError, match="the process that reads the file ended"):
                await loading
            assert ("route", "a") in (await loader.load()).resources.items
        finally:
            await loader.close()

    run(scenario())


def test_an_idle_loader_ends(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text(VALID + ROUTE % "a")

    async def scenario() -> None:
        clock = MockClock()
        loader = Loader(file, clock)
        await loader.load()
        assert loader._child is not None
        child = loader._child
        clock.advance(IDLE_S)
        assert loader._child is None
        await asyncio.wait_for(child.channel.closed, 10)
        await loader.close()

    run(scenario())
