from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.process.loading import Configuration, Loader
from sluicegate.process.serve import Setup
from sluicegate.process.signals import Stopping
from sluicegate.process.single import Single
from sluicegate.process.slot import Timings
from sluicegate.process.watch import Watch
from sluicegate.settings import Drain, Gateway, Settings
from sluicegate.snapshot.document import Resources, encode
from support.loops import run
from support.ports import listening_socket
from support.raw_http import get

SETTINGS = Settings(gateway=Gateway(drain=Drain(grace=Duration(0), deadline=Duration(1))))
EMPTY = Resources.of({("policies", ""): encode([])})
BROKEN = Resources.of({("policies", ""): encode([{"no_such_policy": {}}])})


def setup(tmp_path: Path, resources: Resources) -> Setup:
    clock = Clock()
    file = tmp_path / "application.yml"
    return Setup(
        configuration=Configuration(SETTINGS, resources, b""),
        sockets=[listening_socket()],
        management=listening_socket(),
        loader=Loader(file, clock),
        watch=Watch([file], clock, 1),
        keep=lambda _: None,
        stopping=Stopping(clock, terminal=False),
        reload_asked=asyncio.Event(),
        clock=clock,
        metrics=Metrics(),
        timings=Timings(),
    )


def close(made: Setup) -> None:
    for sock in (*made.sockets, made.management):
        sock.close()


def port(sock: Any) -> int:
    number: int = sock.getsockname()[1]
    return number


def test_both_ports_are_served_when_it_says_ready_and_it_ends_when_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        made, ready = setup(tmp_path, EMPTY), asyncio.Event()
        running = asyncio.create_task(Single(made).run(ready.set))
        await ready.wait()
        data, management = port(made.sockets[0]), port(made.management)
        word = await asyncio.to_thread(get, data, "/actuator/health/readiness")
        health = await asyncio.to_thread(get, management, "/actuator/health", host="localhost")
        metrics = await asyncio.to_thread(get, management, "/actuator/prometheus", host="localhost")
        made.stopping.on_signal(signal.SIGTERM)
        await running
        close(made)
        assert word.body == b'{"status":"UP"}'
        details = json.loads(health.body)
        assert details["status"] == "UP"
        assert [worker["phase"] for worker in details["workers"]] == ["ready"]
        assert b"sluicegate_config_last_reload_success 1.0" in metrics.body

    with capture_logs() as logs:
        run(scenario())
    assert [line["event"] for line in logs] == ["draining", "ended"]


def test_a_configuration_that_cannot_be_compiled_ends_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = setup(tmp_path, BROKEN)
        with pytest.raises(ConfigError):
            await Single(made).run(lambda: pytest.fail("it was ready"))
        close(made)

    run(scenario())
