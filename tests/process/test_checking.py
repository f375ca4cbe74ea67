from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.model.resilience import Check
from sluicegate.model.service import Service
from sluicegate.model.units import Duration
from sluicegate.process import checking as checking_module
from sluicegate.process.checking import Checking
from sluicegate.settings import Gateway, Settings
from sluicegate.snapshot.document import Resources, encode
from sluicegate.upstream.health.news import News
from support.loops import run
from support.ports import free_port

CHECK = Check(interval=Duration(0.1), unhealthy=1, healthy=1)


def resources(**services: Service) -> Resources:
    items = {("service", name): encode(service) for name, service in services.items()}
    return Resources.of({("policies", ""): encode([]), **items})  # type: ignore[dict-item]


def test_it_checks_the_services_that_it_is_given() -> None:
    async def scenario() -> None:
        told: asyncio.Queue[News] = asyncio.Queue()
        made = Checking(Settings(), Clock(), Metrics(), told.put_nowait)
        target = f"127.0.0.1:{free_port()}"
        made.apply(resources(s=Service(targets=[f"http://{target}"], check=CHECK)))
        assert await told.get() == News("s", target, "down")
        made.apply(resources())
        assert await told.get() == News("s", target, "up")
        await made.close()

    run(scenario())


def test_a_service_that_has_not_changed_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    decode = checking_module.decode

    def counting(kind: Any, raw: bytes) -> Any:
        read.append(raw)
        return decode(kind, raw)

    monkeypatch.setattr(checking_module, "decode", counting)

    async def scenario() -> None:
        made = Checking(Settings(), Clock(), Metrics(), lambda _: None)
        kept, before = Service(targets=["http://127.0.0.1:1"]), Service(targets=["http://a"])
        made.apply(resources(kept=kept, other=before))
        read.clear()
        after = Service(targets=["http://b"])
        made.apply(resources(kept=kept, other=after))
        assert read == [encode(after)]
        await made.close()

    run(scenario())


def test_it_follows_the_settings_on_where_names_may_lead() -> None:
    async def scenario() -> None:
        settings = Settings(gateway=Gateway(private_networks=["nowhere"]))
        with pytest.raises(ConfigError):
            Checking(settings, Clock(), Metrics(), lambda _: None)

    run(scenario())
