from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.model.resilience import Check, Ejection
from sluicegate.model.route import Match, Route
from sluicegate.model.service import Service
from sluicegate.model.units import Duration
from sluicegate.process.loading import Configuration, Loader
from sluicegate.process.serve import Setup
from sluicegate.process.signals import Stopping
from sluicegate.process.single import Single
from sluicegate.process.slot import Timings
from sluicegate.process.watch import Watch
from sluicegate.settings import Drain, Gateway, Settings
from sluicegate.settings.store import Store
from sluicegate.snapshot.document import Resources, encode
from support.loops import run
from support.ports import free_port, listening_socket
from support.raw_http import get
from support.upstreams import Talk, Upstream, response

SETTINGS = Settings(
    store=Store(url="none"), gateway=Gateway(drain=Drain(grace=Duration(0), deadline=Duration(1)))
)
EMPTY = Resources.of({("policies", ""): encode([])})
BROKEN = Resources.of({("policies", ""): encode([{"no_such_policy": {}}])})


def serving(url: str, check: Check | None) -> Resources:
    """Describe one route to one target that is left out for five minutes."""
    ejection = Ejection(consecutive=2, time=Duration(300))
    service = Service(targets=[url], check=check, ejection=ejection)
    route = Route(match=Match(path="/a"), service="s")
    return Resources.of(
        {
            ("policies", ""): encode([]),
            ("service", "s"): encode(service),
            ("route", "r"): encode(route),
        }
    )


@asynccontextmanager
async def upstream(answers: dict[bytes, bytes], *, started: bool = True) -> AsyncIterator[Upstream]:
    """Run a target with an answer for each path; or only give it a port, to `start` it later."""

    async def script(talk: Talk) -> None:
        while True:
            await talk.send(answers[(await talk.request()).target])

    made = Upstream(script)
    made.port = free_port()
    try:
        if started:
            await made.start()
        yield made
    finally:
        await made.stop()


def setup(tmp_path: Path, resources: Resources) -> Setup:
    clock = Clock()
    file = tmp_path / "application.yml"
    return Setup(
        configuration=Configuration(SETTINGS, resources, b""),
        settings=SETTINGS,
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


async def answered(data: int, status: int) -> None:
    """Ask until the answer has this status."""
    while (await asyncio.to_thread(get, data, "/a")).status != status:
        pass


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


def test_its_targets_are_checked_and_none_is_called_that_is_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        check = Check(path="/health", interval=Duration(0.1), healthy=1, unhealthy=1)
        answers = {b"/a": response(), b"/health": response(500)}
        async with upstream(answers) as target:
            made, ready = setup(tmp_path, serving(target.url, check)), asyncio.Event()
            single = Single(made)
            running = asyncio.create_task(single.run(ready.set))
            await ready.wait()
            data, management = port(made.sockets[0]), port(made.management)
            await answered(data, 503)
            page = await asyncio.to_thread(
                get, management, "/actuator/prometheus", host="localhost"
            )
            answers[b"/health"] = response(200)
            await answered(data, 200)
            assert await single.apply(serving(target.url, None)) == []
            assert await single.apply_tls() == []
            made.stopping.on_signal(signal.SIGTERM)
            await running
            close(made)
        assert b"\nsluicegate_health_checks_total{" in page.body
        assert {request.target for request in target.requests} == {b"/a", b"/health"}

    run(scenario())


def test_a_target_that_is_left_out_is_looked_for_until_it_is_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with upstream({b"/a": response()}, started=False) as target:
            made, ready = setup(tmp_path, serving(target.url, None)), asyncio.Event()
            running = asyncio.create_task(Single(made).run(ready.set))
            await ready.wait()
            data = port(made.sockets[0])
            await answered(data, 503)
            await target.start()
            await answered(data, 200)
            made.stopping.on_signal(signal.SIGTERM)
            await running
            close(made)

    run(scenario())


def test_a_configuration_that_cannot_be_compiled_ends_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        made = setup(tmp_path, BROKEN)
        with pytest.raises(ConfigError):
            await Single(made).run(lambda: pytest.fail("it was ready"))
        close(made)

    run(scenario())
