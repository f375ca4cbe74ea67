"""What Prometheus and Grafana are given, for those who have their operators."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.helm import CHART, LEAST, ROOT, Manifest, Refused, helm_output, of_kind, one, render

ON: dict[str, Any] = {
    **LEAST,
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True},
        "dashboards": {"enabled": True},
    },
}
RULES, DASHBOARDS = ROOT / "deploy/prometheus/rules", ROOT / "deploy/grafana/dashboards"


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return render((), ON)


def test_nothing_is_there_for_an_operator_unless_asked_for() -> None:
    kinds = {manifest["kind"] for manifest in render((), LEAST)}
    assert not kinds & {"ServiceMonitor", "PrometheusRule"}


def test_every_replica_is_one_target(manifests: list[Manifest]) -> None:
    spec = one(manifests, "ServiceMonitor", "gateway")["spec"]
    (endpoint,) = spec["endpoints"]
    wanted = spec["selector"]["matchLabels"].items()
    chosen = [
        (service["metadata"]["name"], service["spec"])
        for service in of_kind(manifests, "Service")
        if wanted <= service["metadata"]["labels"].items()
        and endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    ]
    assert [name for name, _ in chosen] == ["api-gateway-management"]
    assert chosen[0][1]["clusterIP"] == "None", "no balancer between: its endpoints are the pods"
    assert endpoint["path"] == "/actuator/prometheus"


def test_a_target_is_verified_by_the_authority_and_the_name_of_its_certificate(
    manifests: list[Manifest],
) -> None:
    (endpoint,) = one(manifests, "ServiceMonitor", "gateway")["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    tls = endpoint["tlsConfig"]
    secret = one(manifests, "Secret", tls["ca"]["secret"]["name"])
    assert tls["ca"]["secret"]["key"] in secret["data"]
    names = secret["metadata"]["annotations"]["sluicegate/names"].split(",")
    assert tls["serverName"] in names
    assert "insecureSkipVerify" not in tls


def test_without_tls_targets_are_asked_in_plain_text() -> None:
    manifests = render((), {**ON, "tls": {"source": "off"}})
    (endpoint,) = one(manifests, "ServiceMonitor", "gateway")["spec"]["endpoints"]
    assert endpoint["scheme"] == "http"
    assert "tlsConfig" not in endpoint


def test_labels_that_an_operator_selects_by_are_added(manifests: list[Manifest]) -> None:
    labels = one(manifests, "ServiceMonitor", "gateway")["metadata"]["labels"]
    assert labels["release"] == "prometheus"


@pytest.mark.parametrize("file", sorted(RULES.glob("*.yml")), ids=lambda file: file.name)
def test_rules_are_those_of_the_file(manifests: list[Manifest], file: Path) -> None:
    rule = one(manifests, "PrometheusRule", f"gateway-{file.stem}")
    assert rule["spec"] == yaml.safe_load(file.read_text())


@pytest.mark.parametrize("file", sorted(DASHBOARDS.glob("*.json")), ids=lambda file: file.name)
def test_dashboards_are_those_of_the_file(manifests: list[Manifest], file: Path) -> None:
    found = one(manifests, "ConfigMap", f"dashboard-{file.stem}")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"][file.name]) == json.loads(file.read_text())


@pytest.mark.parametrize(
    ("lost", "value"), [("rules", "prometheusRule"), ("dashboards", "dashboards")]
)
def test_a_chart_that_was_copied_without_its_links_is_refused(
    lost: str, value: str, tmp_path: Path
) -> None:
    chart = tmp_path / "sluicegate"
    shutil.copytree(CHART, chart)  # follows links
    shutil.rmtree(chart / "files" / lost)
    (chart / "files" / lost).write_text("../../..")
    with pytest.raises(Refused, match=rf"monitoring\.{value}: files/{lost} of the chart is empty"):
        helm_output("template", "gateway", str(chart), "--values", "-", stdin=json.dumps(ON))
