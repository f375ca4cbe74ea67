"""What cannot be applied, as faults: the one place where a worker's exceptions become words."""

from __future__ import annotations

from collections.abc import Awaitable

import structlog

from sluicegate.errors import ConfigError, Fault


async def faults_of(change: Awaitable[None]) -> list[Fault]:
    """Await a change of configuration; return why it was refused, nothing when it was not."""
    try:
        await change
    except ConfigError as error:
        return error.faults
    except Exception as error:  # noqa: BLE001 - whatever a policy raises, what runs goes on
        structlog.get_logger().exception("a configuration could not be applied")
        return [Fault("", 0, f"it could not be applied: {type(error).__name__}")]
    return []
