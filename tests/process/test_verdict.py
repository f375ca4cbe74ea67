from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import ConfigError, Fault
from sluicegate.process.verdict import faults_of


async def change(error: Exception | None) -> None:
    if error is not None:
        raise error


def test_a_change_that_works_has_no_faults() -> None:
    assert asyncio.run(faults_of(change(None))) == []


def test_the_faults_of_a_configuration_are_the_verdict() -> None:
    faults = [Fault("routes.a", 1, "wrong"), Fault("routes.b", 2, "wrong")]
    assert asyncio.run(faults_of(change(ConfigError(faults)))) == faults


def test_any_other_error_is_logged_and_named_by_its_kind_alone() -> None:
    with capture_logs() as logs:
        (fault,) = asyncio.run(faults_of(change(KeyError("secret"))))
    assert "KeyError" in fault.message
    assert "secret" not in fault.message
    assert logs[0]["exc_info"]


def test_being_cancelled_is_no_verdict() -> None:
    async def scenario() -> None:
        task = asyncio.create_task(faults_of(asyncio.sleep(60)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
