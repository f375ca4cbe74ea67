from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import ConfigError, Fault
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.process.loading import Configuration
from sluicegate.process.reload import Reloader, changed_settings
from sluicegate.process.watch import Watch
from sluicegate.settings import Certificate, Drain, Gateway, ListenerTls, Region, Settings
from sluicegate.snapshot.document import Resources
from support.mock_clock import MockClock

FAULT = Fault("routes.a", 3, "wrong")
TLS = Settings(
    gateway=Gateway(tls=ListenerTls(certificates=[Certificate(certificate="a.pem", key="a.key")]))
)


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


def configuration(content: bytes, settings: Settings | None = None) -> Configuration:
    resources = Resources.of({("route", "a"): content})
    return Configuration(settings or Settings(), resources, b"source " + content)


class Loader:
    """Gives what it was told to."""

    def __init__(self, *results: Configuration | ConfigError) -> None:
        self.results = list(results)

    async def load(self) -> Configuration:
        result = self.results.pop(0)
        if isinstance(result, ConfigError):
            raise result
        return result

    async def locate(self, faults: list[Fault]) -> list[Fault]:
        return [Fault(fault.path, 77, fault.message) for fault in faults]


class Target:
    """Takes everything but what it was told to refuse."""

    def __init__(self, *refused: bytes) -> None:
        self.refused = refused
        self.applied: list[bytes] = []
        self.sources: list[bytes] = []
        self.tls_reads = 0
        self.tls_faults: list[Fault] = []

    async def apply(self, resources: Resources) -> list[Fault]:
        content = resources.items["route", "a"]
        if content in self.refused:
            return [FAULT]
        self.applied.append(content)
        return []

    def declare(self, source: bytes) -> None:
        self.sources.append(source)

    async def apply_tls(self) -> list[Fault]:
        self.tls_reads += 1
        return self.tls_faults


def reloader(
    target: Target, *results: Configuration | ConfigError, settings: Settings | None = None
) -> tuple[Reloader, SimpleNamespace]:
    clock = MockClock()
    setup = SimpleNamespace(
        configuration=configuration(b"0", settings),
        loader=Loader(*results),
        kept=[],
        clock=clock,
        metrics=Metrics(),
        watch=Watch([Path("missing")], clock, 1),
        reload_asked=asyncio.Event(),
    )
    setup.keep = lambda kept: setup.kept.append(kept.source)
    return Reloader(cast("Any", setup), target), setup


def counted(setup: SimpleNamespace, outcome: str) -> float:
    value: float = setup.metrics.families["sluicegate_config_reloads_total"].cell(outcome).value
    return value


def test_a_new_configuration_is_applied_counted_and_kept() -> None:
    async def scenario() -> None:
        target = Target()
        one, setup = reloader(target, configuration(b"1"))
        await one.reload()
        assert target.applied == [b"1"]
        assert one.configuration.source == b"source 1"
        assert one.status.outcome == "success"
        assert counted(setup, "success") == 1
        assert setup.kept == [b"source 1"]

    asyncio.run(scenario())


def test_a_file_with_faults_changes_nothing_and_every_fault_is_told(
    logs: list[MutableMapping[str, Any]],
) -> None:
    async def scenario() -> None:
        target, faults = Target(), [FAULT, Fault("plans.b", 9, "odd")]
        one, setup = reloader(target, ConfigError(faults))
        await one.reload()
        assert target.applied == []
        assert one.configuration.source == b"source 0"
        assert one.status.faults == faults
        assert counted(setup, "failure") == 1
        assert setup.metrics.families["sluicegate_config_last_reload_success"].cell().value == 0
        assert setup.kept == []

    asyncio.run(scenario())
    told = [(line["path"], line["line"]) for line in logs if line["event"] == "fault"]
    assert told == [("routes.a", 3), ("plans.b", 9)]


def test_a_configuration_that_a_worker_refuses_does_not_become_the_current_one(
    logs: list[MutableMapping[str, Any]],
) -> None:
    async def scenario() -> None:
        target = Target(b"1")
        one, setup = reloader(target, configuration(b"1"), configuration(b"2"))
        await one.reload()
        assert one.configuration.source == b"source 0"
        assert one.status.faults == [Fault("routes.a", 77, "wrong")]
        await one.reload()
        assert one.status.outcome == "success"
        assert one.status.faults == []
        assert target.applied == [b"2"]
        assert setup.kept == [b"source 2"]

    asyncio.run(scenario())
    assert logs[0]["event"].startswith("reload failed")


def test_equal_content_is_not_compiled_again() -> None:
    async def scenario() -> None:
        target = Target()
        one, setup = reloader(target, configuration(b"0"))
        await one.reload()
        assert target.applied == []
        assert counted(setup, "success") == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("settings", [TLS, Settings()], ids=["listener", "services only"])
def test_certificates_are_read_again_although_the_file_names_the_same_ones(
    settings: Settings,
) -> None:
    async def scenario() -> None:
        target = Target()
        one, _ = reloader(target, configuration(b"0", settings), settings=settings)
        await one.reload()
        assert target.tls_reads == 1

    asyncio.run(scenario())


def test_a_bad_certificate_fails_the_whole_reload() -> None:
    async def scenario() -> None:
        target = Target()
        target.tls_faults = [Fault("gateway.tls.certificates[0]", 0, "not a certificate")]
        one, _ = reloader(target, configuration(b"1", TLS), settings=TLS)
        await one.reload()
        assert target.applied == []
        assert one.status.outcome == "failure"

    asyncio.run(scenario())


def test_a_full_disk_does_not_fail_a_reload(logs: list[MutableMapping[str, Any]]) -> None:
    async def scenario() -> None:
        one, setup = reloader(Target(), configuration(b"1"))

        def full(_: Configuration) -> None:
            raise OSError(28, "No space left on device")

        setup.keep = full
        await one.reload()
        assert one.status.outcome == "success"

    asyncio.run(scenario())
    assert "No space left" in logs[-1]["error"]


def test_wishes_that_come_while_it_reloads_become_one_more_reload() -> None:
    async def scenario() -> None:
        target = Target()
        one, setup = reloader(target, *(configuration(b"%d" % n) for n in range(1, 9)))
        kept: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        setup.keep = lambda what: loop.call_soon_threadsafe(kept.put_nowait, what.source)
        running = asyncio.create_task(one.run())
        assert await kept.get() == b"source 0"
        for _ in range(3):
            setup.reload_asked.set()
        assert await kept.get() == b"source 1"
        for _ in range(20):
            await asyncio.sleep(0)
        assert target.applied == [b"1"]
        assert kept.empty()
        running.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_only_settings_that_differ_are_named() -> None:
    before = Settings()
    after = Settings(
        gateway=Gateway(workers=3, drain=Drain(grace=Duration(1))), region=Region(name="b")
    )
    assert changed_settings(before, before) == []
    assert changed_settings(before, after) == [
        "gateway.drain.grace",
        "gateway.workers",
        "region.name",
    ]
    assert changed_settings(before, TLS) == ["gateway.tls"]
