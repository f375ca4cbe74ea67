"""Reloads the configuration, on SIGHUP and when the file changes.

A configuration that is not valid, or that a worker cannot use, changes nothing: every fault is
logged, counted and shown in the details of health, and what runs goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

from sluicegate.errors import ConfigError, Fault
from sluicegate.model.units import encode_hook
from sluicegate.process.status import ReloadStatus

if TYPE_CHECKING:
    from sluicegate.process.serve import Setup
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Resources


class Target(Protocol):
    """Who uses the configuration: one data plane, or all workers."""

    async def apply(self, resources: Resources) -> list[Fault]:
        """Take over a configuration; with faults the one before stays."""

    def declare(self, source: bytes) -> None:
        """Take the text of the file that runs, for those who want to see it."""

    async def apply_tls(self) -> list[Fault]:
        """Read certificates again; with faults those before stay."""


class Reloader:
    """Brings what runs in line with the file."""

    def __init__(self, setup: Setup, target: Target) -> None:
        """Begin with the configuration that was loaded at start."""
        self.status = ReloadStatus()
        self.configuration = setup.configuration
        self._started_with = setup.configuration.settings
        self._setup = setup
        self._target = target
        self._log = structlog.get_logger()
        self._outcomes = setup.metrics.family(
            "sluicegate_config_reloads_total", "counter", "Reloads of the file.", ("outcome",)
        )
        for outcome in ("success", "failure"):
            self._outcomes.cell(outcome)
        self._last = setup.metrics.family(
            "sluicegate_config_last_reload_success", "gauge", "1 unless the last reload failed."
        ).cell()
        self._last.value = 1

    async def run(self) -> None:
        """Reload when asked and when the watched files change, until cancelled.

        Several wishes while a reload is under way become one more.
        """
        asked, watch = self._setup.reload_asked, self._setup.watch
        await self.keep()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            while True:
                await asked.wait()
                asked.clear()
                watch.accept()
                await self.reload()

    async def reload(self) -> None:
        """Load, compare, apply, keep. Never raises for what is in the file."""
        try:
            loaded = await self._setup.loader.load()
        except ConfigError as error:
            self._failed(error.faults)
            return
        self._warn_of_settings(loaded.settings)
        faults = await self._target.apply_tls()
        if not faults and loaded.resources.revision != self.configuration.resources.revision:
            faults = await self._target.apply(loaded.resources)
        if faults:
            self._failed(await self._setup.loader.locate(faults))
            return
        self.configuration = loaded
        self._target.declare(loaded.source)
        self._outcomes.cell("success").value += 1
        self._last.value = 1
        self.status = ReloadStatus("success", self._setup.clock.wall_us())
        self._log.info("reloaded", revision=loaded.resources.revision)
        await self.keep()

    async def keep(self) -> None:
        """Save what runs as the last good configuration; a full disk is only logged."""
        try:
            await asyncio.to_thread(self._setup.keep, self.configuration)
        except OSError as error:
            self._log.warning("last good configuration not saved", error=str(error))

    async def _follow(self) -> None:
        while True:
            await self._setup.watch.changed()
            self._setup.reload_asked.set()

    def _failed(self, faults: list[Fault]) -> None:
        self._outcomes.cell("failure").value += 1
        self._last.value = 0
        self.status = ReloadStatus("failure", self._setup.clock.wall_us(), faults)
        self._log.error("reload failed; the configuration before it stays", faults=len(faults))
        for fault in faults:
            self._log.error("fault", path=fault.path, line=fault.line, message=fault.message)

    def _warn_of_settings(self, settings: Settings) -> None:
        paths = changed_settings(self._started_with, settings)
        if paths:
            self._log.warning("settings changed that need a restart", paths=paths)


def changed_settings(before: Settings, after: Settings) -> list[str]:
    """Return the dotted paths of settings that differ: only a restart brings them into effect.

    (What certificate files hold is read by every reload; which files they are is a setting.)
    """
    return _differences(_plain(before), _plain(after), "")


def _plain(settings: Settings) -> Any:  # noqa: ANN401 - plain data
    return msgspec.to_builtins(settings, enc_hook=encode_hook)


def _differences(before: Any, after: Any, path: str) -> list[str]:  # noqa: ANN401 - plain data
    if before == after:
        return []
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [path]
    found = []
    for key in before.keys() | after.keys():
        below = f"{path}.{key}" if path else key
        found += _differences(before.get(key), after.get(key), below)
    return sorted(found)
