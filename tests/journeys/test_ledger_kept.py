"""What calls of models used is in the store, however many processes have served them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sluicegate.clock import Clock
from sluicegate.model.ledger import Entry
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from support.gateway import Gateway, gateway
from support.loops import in_thread, run
from support.model_front import config, provider, request, told_of
from support.ports import eventually
from support.raw_http import ask
from support.scripted_provider import ScriptedProvider
from support.stores import opened
from support.valkey import PATIENT

CALLS = 12
PRICE = {"input": "0", "output": "0", "call": "0.01"}
MODELS = {"m": {"deployments": [{"provider": "a", "model": "scenario-text", "price": PRICE}]}}


@pytest.fixture(scope="module")
def vendor() -> Iterator[ScriptedProvider]:
    """One provider."""
    with in_thread(ScriptedProvider()) as one:
        yield one


def document(vendor: ScriptedProvider, **more: Any) -> str:
    return json.dumps(config({"a": provider(vendor.url)}, MODELS, state=PATIENT, **more))


def entries(settings: Settings) -> list[Entry]:
    async def read() -> list[Entry]:
        async with opened(settings, Clock()) as store:
            return await store.ledger.entries(0, 2**52, {})

    return run(read())


def calls(running: Gateway, count: int = CALLS) -> None:
    for turn in range(count):
        stream = turn % 3 == 0
        answer = ask(running.port, request("chat", "m", stream=stream))
        assert told_of("chat", answer, stream=stream).status == 200


def kept_in(folder: Path) -> Settings:
    return Settings(data_dir=str(folder / "data"), store=Store(url="sqlite:///sluicegate.db"))


@pytest.mark.parametrize("workers", [1, 2])
def test_all_calls_are_in_the_store_when_a_replica_has_ended(
    tmp_path: Path, vendor: ScriptedProvider, workers: int
) -> None:
    settings = kept_in(tmp_path)
    written = document(vendor, gateway={"workers": workers})
    with gateway(tmp_path, written, SLUICEGATE_STORE_URL=settings.store.url) as running:
        calls(running)
    found = entries(settings)
    assert len(found) == len({entry.id for entry in found}) == CALLS
    assert len({entry.cost for entry in found}) == 1
    assert {(entry.model, entry.provider, entry.status) for entry in found} == {("m", "a", 200)}


def test_a_management_process_that_was_killed_loses_nothing(
    tmp_path: Path, vendor: ScriptedProvider
) -> None:
    settings = kept_in(tmp_path)
    written = document(vendor, gateway={"workers": 2})
    with gateway(tmp_path, written, SLUICEGATE_STORE_URL=settings.store.url) as running:
        calls(running)
        os.kill(_management(running), signal.SIGKILL)
        calls(running)
        eventually(lambda: len(entries(settings)) == 2 * CALLS, "all are moved", within_s=30)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_budget_holds_when_all_that_has_counted_it_is_gone(
    tmp_path: Path, vendor: ScriptedProvider, workers: int
) -> None:
    settings = kept_in(tmp_path)
    budget = {"allow": ["0.05/month"], "by": "route", "reserve": "0.01"}
    written = document(vendor, gateway={"workers": workers}, on_route=[{"budget": budget}])
    statuses: list[int] = []
    for count in (3, 4):  # the counts end with the process, or with the state beside it
        with gateway(tmp_path, written, SLUICEGATE_STORE_URL=settings.store.url) as running:
            for _ in range(count):
                answer = ask(running.port, request("chat", "m"))
                statuses.append(told_of("chat", answer, stream=False).status)
    assert statuses == [200] * 5 + [429] * 2
    found = entries(settings)
    assert [entry.cost for entry in found if entry.cost] == [10_000_000] * 5


def _management(running: Gateway) -> int:
    for pid in running.workers():
        if b"sluicegate.process.management" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    raise AssertionError("there is no management process")
