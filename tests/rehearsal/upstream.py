"""The service behind the gateway: a process at a place of its own, that notes what it reads."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Self

from chaos import targets
from chaos.verdicts import Read
from rehearsal.network import Network
from rehearsal.waiting import until

HOST, PORT = "upstream.example", 8000
WORK_MS = 5


class Upstream:
    """The program of `chaos.targets`; it answers with the id of the request."""

    def __init__(self, folder: Path, network: Network) -> None:
        self._network = network
        self._file = folder / "upstream.reads"
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        """Start it; it listens."""
        station = await self._network.attach(HOST)
        command = [sys.executable, "-I", str(targets.__file__), str(PORT), str(self._file)]
        self._process = subprocess.Popen(  # noqa: ASYNC220 - it dies with this very thread
            station.command([*command, str(WORK_MS), "0.0.0.0"]), stdin=subprocess.DEVNULL
        )

        async def listens() -> bool:
            try:
                _, writer = await station.connect(station.address, PORT)
            except OSError:
                return False
            writer.close()
            return True

        await until(listens, "the upstream listens")
        self._network.publish(HOST, [station.address])
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait, 10)

    def reads(self) -> list[Read]:
        """Return every request that it has read."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        parts = [line.split(" ") for line in lines]
        return [Read("upstream", method, name, what == "whole") for what, method, name, _ in parts]
