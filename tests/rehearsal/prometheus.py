"""A real Prometheus that is configured as the Prometheus Operator does it from a ServiceMonitor.

    config = scrape_config(monitor, namespace="default", found=file, authority=file)
    async with Prometheus(folder, station, [config]) as prometheus:
        await prometheus.targets(), await prometheus.query("up")

The server is that of `support.prometheus_server`, whose own class is for tests without a loop: it
blocks, and here the relays to stations, and so the answers, need the loop that would be blocked.
Source of the relabelling: prometheus-operator, pkg/prometheus/promcfg.go,
generateServiceMonitorConfig; what it adds for sharding and limits is left out.
"""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from rehearsal.discovery import known
from rehearsal.network import Station
from rehearsal.waiting import until
from support.prometheus_server import serving

Manifest = dict[str, Any]
PORT = 9090
POD_OF = ["__meta_kubernetes_endpoint_address_target_kind",
          "__meta_kubernetes_endpoint_address_target_name"]  # fmt: skip
TOLD = {
    "namespace": "__meta_kubernetes_namespace",
    "service": "__meta_kubernetes_service_name",
    "pod": "__meta_kubernetes_pod_name",
    "container": "__meta_kubernetes_pod_container_name",
}
ENDPOINT = (
    ("interval", "scrape_interval"),
    ("scrapeTimeout", "scrape_timeout"),
    ("path", "metrics_path"),
    ("scheme", "scheme"),
    ("honorLabels", "honor_labels"),
)
RELABEL = {
    "sourceLabels": "source_labels",
    "targetLabel": "target_label",
}


def scrape_config(
    monitor: Manifest, *, namespace: str, found: Path, authority: Path | None = None
) -> dict[str, Any]:
    """Return what Prometheus is given for the one endpoint of a ServiceMonitor.

    `found` is the file of what was discovered in the namespaces that it selects (see `discovery`),
    `authority` that of `tlsConfig.ca`.
    """
    spec = monitor["spec"]
    (endpoint,) = spec["endpoints"]
    name = monitor["metadata"]["name"]
    names = spec.get("namespaceSelector", {}).get("matchNames", [namespace])
    assert names == [namespace], "there is no other namespace here"
    config: dict[str, Any] = {
        "job_name": f"serviceMonitor/{namespace}/{name}/0",
        "file_sd_configs": [{"files": [str(found)]}],
        "relabel_configs": _relabelling(spec, endpoint),
    }
    config |= {ours: endpoint[theirs] for theirs, ours in ENDPOINT if theirs in endpoint}
    if "metricRelabelings" in endpoint:
        config["metric_relabel_configs"] = [
            _relabel(each) for each in endpoint["metricRelabelings"]
        ]
    if "tlsConfig" in endpoint:
        config["tls_config"] = _tls(endpoint["tlsConfig"], authority)
    return config


def _relabelling(spec: Manifest, endpoint: Manifest) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = []
    for label, value in sorted(spec["selector"].get("matchLabels", {}).items()):
        sources = [
            f"__meta_kubernetes_service_label{how}_{known(label)}" for how in ("", "present")
        ]
        rules.append({"action": "keep", "source_labels": sources, "regex": f"({value});true"})
    port = endpoint["port"]
    rules += [
        {
            "action": "keep",
            "source_labels": ["__meta_kubernetes_endpoint_port_name"],
            "regex": port,
        },
        *(
            {
                "source_labels": POD_OF, "separator": ";", "regex": f"{kind};(.*)",
                "replacement": "${1}", "target_label": kind.lower(),
            }
            for kind in ("Node", "Pod")
        ),
        *({"source_labels": [source], "target_label": name} for name, source in TOLD.items()),
        {
            "action": "drop",
            "source_labels": ["__meta_kubernetes_pod_phase"],
            "regex": "(Failed|Succeeded)",
        },
        {
            "source_labels": ["__meta_kubernetes_service_name"], "target_label": "job",
            "replacement": "${1}",
        },
    ]  # fmt: skip
    if "jobLabel" in spec:
        rules.append(_label("service", spec["jobLabel"], "job"))
    for whose in ("service", "pod"):
        for label in spec.get("targetLabels" if whose == "service" else "podTargetLabels", []):
            rules.append(_label(whose, label, known(label)))
    rules.append({"target_label": "endpoint", "replacement": port})
    return rules + [_relabel(each) for each in endpoint.get("relabelings", [])]


def _label(whose: str, label: str, target: str) -> dict[str, Any]:
    """Carry a label of a service or pod over to every sample."""
    return {
        "source_labels": [f"__meta_kubernetes_{whose}_label_{known(label)}"],
        "regex": "(.+)",
        "replacement": "${1}",
        "target_label": target,
    }


def _relabel(rule: Manifest) -> dict[str, Any]:
    found = {RELABEL.get(key, key): value for key, value in rule.items()}
    if "action" in found:
        found["action"] = found["action"].lower()
    return found


def _tls(config: Manifest, authority: Path | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "serverName" in config:
        found["server_name"] = config["serverName"]
    if "insecureSkipVerify" in config:
        found["insecure_skip_verify"] = config["insecureSkipVerify"]
    if "ca" in config:
        assert authority is not None, "the ServiceMonitor names an authority"
        found["ca_file"] = str(authority)
    return found


class Prometheus:
    """A server at a station of its own, with its data in `folder`."""

    def __init__(self, folder: Path, station: Station, scrape: list[dict[str, Any]]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "prometheus.log"
        self._station = station
        self._file = folder / "prometheus.yml"
        self._file.write_text(yaml.safe_dump({"scrape_configs": scrape}, sort_keys=False))
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.AsyncClient(trust_env=False)

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an instant query: each with `metric` and `value`."""
        answer = await self._http.get("/api/v1/query", params={"query": expression})
        assert answer.is_success, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    async def targets(self) -> list[dict[str, Any]]:
        """Return the active targets, with `labels`, `health` and `lastError`."""
        answer = await self._http.get("/api/v1/targets", params={"state": "active"})
        found: list[dict[str, Any]] = answer.json()["data"]["activeTargets"]
        return found

    async def __aenter__(self) -> Self:
        """Start it; it answers."""
        command = serving(self._file, PORT)
        self._http.base_url = f"http://127.0.0.1:{await self._station.forward(PORT)}"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it dies with this very thread
                self._station.command(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            await until(self._is_ready, f"Prometheus is ready, see {self.log}")
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            return (await self._http.get("/-/ready")).is_success
        except httpx.TransportError:
            return False

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """End it."""
        await self._http.aclose()
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait, 10)
