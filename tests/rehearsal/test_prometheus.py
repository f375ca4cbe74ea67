from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import yaml

from rehearsal.prometheus import scrape_config

MONITOR = {
    "kind": "ServiceMonitor",
    "metadata": {"name": "gateway"},
    "spec": {
        "jobLabel": "app.kubernetes.io/name",
        "selector": {"matchLabels": {"app.kubernetes.io/component": "gateway.eu"}},
        "targetLabels": ["app.kubernetes.io/version"],
        "endpoints": [
            {
                "port": "management",
                "path": "/actuator/prometheus",
                "interval": "15s",
                "scheme": "https",
                "tlsConfig": {
                    "serverName": "api-gateway-management",
                    "ca": {"secret": {"name": "gateway-tls", "key": "ca.crt"}},
                },
                "relabelings": [
                    {"action": "Replace", "sourceLabels": ["pod"], "targetLabel": "instance"}
                ],
            }
        ],
    },
}


def test_a_service_monitor_becomes_what_prometheus_itself_takes(tmp_path: Path) -> None:
    (tmp_path / "targets.json").write_text("[]")
    authority = tmp_path / "ca.crt"
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", authority)
    config = scrape_config(
        MONITOR, namespace="default", found=tmp_path / "targets.json", authority=authority
    )
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump({"scrape_configs": [config]}))
    promtool = shutil.which("promtool")
    assert promtool
    checked = subprocess.run(
        [promtool, "check", "config", str(file)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_labels_select_services_as_the_operator_selects_them() -> None:
    config = scrape_config(
        MONITOR, namespace="default", found=Path("targets.json"), authority=Path("ca")
    )
    first, port, *_, last = config["relabel_configs"]
    assert first == {
        "action": "keep",
        "source_labels": [
            "__meta_kubernetes_service_label_app_kubernetes_io_component",
            "__meta_kubernetes_service_labelpresent_app_kubernetes_io_component",
        ],
        "regex": "(gateway.eu);true",
    }
    assert port["regex"] == "management"
    assert last == {"action": "replace", "source_labels": ["pod"], "target_label": "instance"}
    assert config["tls_config"] == {"server_name": "api-gateway-management", "ca_file": "ca"}
    assert (config["scheme"], config["metrics_path"]) == ("https", "/actuator/prometheus")
