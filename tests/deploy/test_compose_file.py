"""deploy/compose as it is written: what Compose, Envoy and Prometheus accept, what is promised."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import ComposeSpecification

from sluicegate.snapshot.load import load
from support.compose import COMPOSE

FOLDER = COMPOSE.parent
ROOT = FOLDER.parents[1]
MODEL: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
SERVICES: dict[str, dict[str, Any]] = MODEL["services"]
JOBS = {"migrate"}

services = pytest.mark.parametrize("name", SERVICES)


def ran(*command: str | Path, **more: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr


def envoy() -> list[Any]:
    found = yaml.safe_load((FOLDER / "envoy.yaml").read_text())["static_resources"]
    return [found["clusters"], found["listeners"]]


def test_the_file_is_one_of_the_compose_specification() -> None:
    ComposeSpecification.model_validate(MODEL)
    program = Path(sys.prefix) / "bin/compose-lint"
    config = ("--strict-config", "--config", FOLDER / "compose-lint.yml")
    ran(program, "check", "--fail-on", "low", *config, COMPOSE)


def test_envoy_accepts_its_configuration() -> None:
    ran(Path(sys.prefix) / "bin/envoy", "--mode", "validate", "-c", FOLDER / "envoy.yaml")


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    text = (FOLDER / "prometheus.yml").read_text()
    assert "/etc/prometheus/rules/" in text
    rules = ROOT / "deploy/prometheus/rules"
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace("/etc/prometheus/rules", str(rules)))
    ran(str(shutil.which("promtool")), "check", "config", file)
    assert list(rules.glob("*.yml"))


def test_the_gateway_accepts_its_configuration(tmp_path: Path) -> None:
    text = (FOLDER / "application.yml").read_text()
    secrets = tmp_path / "secrets"
    ran("sh", FOLDER / "secrets.sh", secrets)
    file = tmp_path / "application.yml"
    file.write_text(text.replace("/run/secrets", str(secrets)))
    settings = load(file, {}).settings
    address = SERVICES["balancer"]["networks"]["edge"]["ipv4_address"]
    assert [str(each) for each in settings.gateway.trusted_proxies] == [address]


def test_secrets_are_made_once_and_none_is_in_the_tree(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    ran("sh", FOLDER / "secrets.sh", folder)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert made.keys() == MODEL["secrets"].keys()
    assert len(set(made.values())) == len(made)
    assert folder.stat().st_mode & 0o077 == 0
    ran("sh", FOLDER / "secrets.sh", folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    assert all(each == {"file": f"secrets/{name}"} for name, each in MODEL["secrets"].items())
    ran("git", "check-ignore", "-q", FOLDER / "secrets/pepper", cwd=ROOT)


@services
def test_a_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode"}
    if "user" in service:  # elsewhere it is the image's own, 10001
        assert re.fullmatch(r"[1-9][0-9]*:[0-9]+", service["user"])
    else:
        assert service["image"] == "sluicegate:local"


@services
def test_a_service_is_bounded_watched_and_given_time_to_end(name: str) -> None:
    service = SERVICES[name]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert name in JOBS or service["healthcheck"]["test"][0] == "CMD"
    assert name in JOBS or service["stop_grace_period"]
    assert service["restart"] == ("no" if name in JOBS else "unless-stopped")


@services
def test_a_service_is_published_on_loopback_or_not_at_all(name: str) -> None:
    assert all(each.startswith("127.0.0.1:") for each in SERVICES[name].get("ports", ()))


@services
def test_what_a_service_mounts_is_there_and_cannot_be_written(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source, _, *mode = volume.split(":")
        if source.startswith("."):
            assert (FOLDER / source).exists()
            assert mode == ["ro"]
        else:
            assert source in MODEL["volumes"]


@services
def test_no_secret_stands_in_a_services_environment(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        secret = re.search("PASSWORD|TOKEN|SECRET|KEY|PEPPER", variable)
        assert not secret or variable.endswith("_FILE"), f"{variable}: {value}"


def test_networks_bring_together_only_who_talks() -> None:
    members = {
        network: {name for name, each in SERVICES.items() if network in each["networks"]}
        for network in MODEL["networks"]
    }
    valkeys = {f"{kind}-{number}" for kind in ("valkey", "sentinel") for number in range(3)}
    assert members == {
        "front": {"balancer"},
        "edge": {"balancer", "gateway"},
        "state": {"gateway", *valkeys},
        "store": {"gateway", "migrate", "postgresql"},
        "services": {"gateway", "app"},
        "monitoring": {"gateway", "prometheus"},
        "dashboards": {"prometheus", "grafana"},
    }
    open_ones = {name for name, each in MODEL["networks"].items() if not each.get("internal")}
    assert open_ones == {"front", "services", "dashboards"}


def test_the_balancer_sees_a_dead_replica_and_has_retries_for_all_its_requests() -> None:
    (cluster,), (listener,) = envoy()
    (check,) = cluster["health_checks"]
    assert check["no_traffic_interval"] == "1s"
    (threshold,) = cluster["circuit_breakers"]["thresholds"]
    assert threshold["max_retries"] >= 100
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["use_remote_address"] is True
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
        (predicate,) = route["route"]["retry_policy"]["retry_host_predicate"]
        assert predicate["name"] == "envoy.retry_host_predicates.previous_hosts"


def test_the_state_keeps_what_is_counted() -> None:
    lines = (FOLDER / "valkey/valkey.conf").read_text().splitlines()
    assert "maxmemory-policy noeviction" in lines
    assert "min-replicas-to-write 1" in lines


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    mounts = {each.split(":")[1]: each.split(":")[0] for each in SERVICES["grafana"]["volumes"]}
    provisioning = FOLDER / mounts["/etc/grafana/provisioning"]
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards/sluicegate.yml").read_text())[
        "providers"
    ]
    boards = (FOLDER / mounts[provider["options"]["path"]]).resolve()
    assert boards == ROOT / "deploy/grafana/dashboards"
    for board in boards.glob("*.json"):
        sources = re.findall(r'"uid": "([^"]*)"', json.dumps(json.loads(board.read_text())))
        assert source["uid"] in sources or any("$" in each for each in sources), board.name


def test_scripts_can_be_read_by_who_runs_them() -> None:
    for path in [*FOLDER.rglob("*.sh"), *FOLDER.rglob("*.conf"), *FOLDER.rglob("*.y*ml")]:
        assert path.stat().st_mode & 0o004, path
    for name in ("secrets.sh", "postgresql/roles.sh"):
        assert os.access(FOLDER / name, os.X_OK)
