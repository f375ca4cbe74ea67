"""A real Prometheus that scrapes every second.

    with Prometheus(tmp_path, {"replica-0": 9090}) as server:
        server.targets()                        # {"replica-0": "up"}
        server.query("sum(up)"), server.over("rate(x[5s])", start, end)

It finds targets by a file, as a container's host would by its orchestrator (`file_sd_configs`):
one line each, told apart by the label `instance`. Debian's `prometheus`.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from support.ports import eventually, free_port
from support.promtool import program
from support.server import Server

JOB = "sluicegate"
PATH = "/actuator/prometheus"


class Prometheus(Server):
    """One server. `replicas` are ports of loopback, by what `instance` is to say; `rules` files."""

    def __init__(
        self, folder: Path, replicas: Mapping[str, int], *, rules: Sequence[Path] = ()
    ) -> None:
        self.port = free_port()
        self.log = folder / "prometheus.log"
        self._file = folder / "prometheus.yml"
        found = folder / "targets.json"
        found.write_text(
            json.dumps(
                [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {"instance": name, "namespace": "edge"},
                    }
                    for name, port in replicas.items()
                ]
            )
        )
        scrape = {
            "job_name": JOB,
            "metrics_path": PATH,
            "file_sd_configs": [{"files": [str(found)]}],
        }
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        self._file.write_text(
            json.dumps(
                {
                    "global": every,
                    "rule_files": [str(each) for each in rules],
                    "scrape_configs": [scrape],
                }
            )
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=20, trust_env=False
        )

    def targets(self) -> dict[str, str]:
        """Return the health of every target (`up`, `down`, `unknown`), by its `instance`."""
        found = self._get("/api/v1/targets", state="active")["activeTargets"]
        assert len({each["labels"]["instance"] for each in found}) == len(found), found
        return {each["labels"]["instance"]: each["health"] for each in found}

    def query(self, text: str) -> list[dict[str, Any]]:
        """Return the series that a query has now. Raises AssertionError for what cannot be read."""
        found: list[dict[str, Any]] = self._get("/api/v1/query", query=text)["result"]
        return found

    def over(self, text: str, start: float, end: float) -> list[dict[str, Any]]:
        """Return the series that a query has each second from `start` to `end`, as a panel asks."""
        found: list[dict[str, Any]] = self._get(
            "/api/v1/query_range", query=text, start=start, end=end, step=1
        )["result"]
        return found

    def labels(self, label: str, match: str) -> list[str]:
        """Return the values that a label has on the series of a selector."""
        found: list[str] = self._get(f"/api/v1/label/{label}/values", **{"match[]": match})
        return found

    def _get(self, path: str, **asked: Any) -> Any:
        answer = self._http.get(path, params=asked)
        said = answer.json()
        assert said["status"] == "success", f"{asked}: {said}"
        return said["data"]

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            return self._http.get("/-/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def start(self) -> None:
        """Start it; returns once it answers."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                serving(self._file, self.port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        eventually(self._ready, f"Prometheus serves, see {self.log}", every_s=0.05)

    def stop(self) -> None:
        """End it."""
        self._http.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


def serving(config: Path, port: int) -> list[str]:
    """Return the command line of a server on loopback, with its data beside its configuration."""
    return [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={config.with_name('prometheus')}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def now() -> float:
    """Return the time that Prometheus writes down, in seconds since 1970."""
    return time.time()
