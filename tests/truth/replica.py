"""One replica: a real `sluicegate run` with workers, on ports of its own."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path

from support.gateway import Gateway, start
from support.ports import free_port

SKEWED = Path(__file__).with_name("skewed")
SAMPLE = re.compile(r'(\w+)="([^"]*)"')


class Replica:
    """Starts, ends and asks one replica. `skew_s` is how much its clock is ahead."""

    def __init__(self, folder: Path, configuration: str, workers: int, skew_s: float = 0.0) -> None:
        self.port, self.management = free_port(), free_port()
        self.workers = workers
        self._folder = folder
        self._configuration = configuration
        self._skew_s = skew_s
        self._gateway: Gateway | None = None

    def start(self) -> None:
        """Start the process; `ready` says when it serves."""
        more = {}
        if self._skew_s:
            path = os.environ.get("PYTHONPATH", "")
            more = {"TRUTH_SKEW_S": str(self._skew_s), "PYTHONPATH": f"{SKEWED}:{path}".strip(":")}
        self._gateway = start(
            self._folder,
            self._configuration,
            SLUICEGATE_GATEWAY_LISTEN=f"127.0.0.1:{self.port}",
            SLUICEGATE_MANAGEMENT_LISTEN=f"127.0.0.1:{self.management}",
            SLUICEGATE_GATEWAY_WORKERS=str(self.workers),
            SLUICEGATE_STORE_URL="none",
            **more,
        )
        self._gateway.management = self.management

    def ready(self) -> bool:
        """Say whether all of its workers serve; raises AssertionError when it has ended.

        One would be enough to be ready, and would accept the other's connections, and keep them.
        """
        assert self._gateway is not None
        if self._gateway.process.poll() is not None:
            raise AssertionError(self._gateway.err.read_text())
        if not self._gateway.healthy():
            return False
        workers = self._gateway.health()["workers"]
        return all(worker["phase"] == "ready" for worker in workers)

    @property
    def running(self) -> bool:
        """Whether it was started and neither stopped nor killed."""
        return self._gateway is not None

    def metrics(self) -> dict[str, float]:
        """Scrape it; nothing of one that is not running."""
        return self._gateway.metrics() if self._gateway is not None else {}

    def kill(self) -> None:
        """End all of its processes by SIGKILL."""
        running, self._gateway = self._gateway, None
        if running is not None:
            with suppress(ProcessLookupError):
                os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait(10)

    def stop(self) -> None:
        """End it as an operator does; raises AssertionError when that does not go as it should."""
        running = self._gateway
        if running is None:
            return
        try:
            status = running.stop()
        finally:
            self.kill()
        said = running.err.read_text()
        assert status == 0, said
        assert "Traceback" not in said, said

    def logs(self) -> str:
        """Return what it has said."""
        file = self._folder / "err.log"
        return file.read_text() if file.exists() else ""


def total(samples: dict[str, float], family: str, **labels: str) -> float:
    """Add up the series of a family that have these labels."""
    found = 0.0
    for name, value in samples.items():
        head, _, rest = name.partition("{")
        if head == family and labels.items() <= dict(SAMPLE.findall(rest)).items():
            found += value
    return found
