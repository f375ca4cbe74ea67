"""The state, looked at on real servers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sluicegate.cli.examination.finding import Finding
from sluicegate.cli.examination.state import state_findings
from sluicegate.clock import Clock
from sluicegate.model.units import Duration
from sluicegate.settings import State
from support.loops import run
from support.mock_clock import MockClock
from support.ports import free_port
from support.valkey import Valkey
from support.valkey_sentinel import primary_with_replicas

PATIENT = Duration(20)
"""The machine is shared."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sluicegate.cli.examination.state.ANSWER_S", float(PATIENT))


def look(state: State, clock: Clock | None = None) -> list[Finding]:
    patient = msgspec.structs.replace(state, timeout=PATIENT, connect_timeout=PATIENT)
    return run(state_findings(patient, clock or Clock()))


def outcomes(findings: list[Finding]) -> list[str]:
    return [finding.outcome for finding in findings]


def test_memory_needs_no_server() -> None:
    (found,) = look(State())
    assert found.outcome == "ok"


def test_a_server_is_asked_for_version_eviction_and_time(valkey: Valkey) -> None:
    findings = look(State(url=f"unix://{valkey.socket}"))
    assert outcomes(findings) == ["ok", "ok", "ok"]
    version, eviction, clock = (finding.seen for finding in findings)
    assert version.startswith("Valkey 9")
    assert eviction == "maxmemory-policy is noeviction"
    assert clock == "its clock is ours, within a second"


def test_a_server_that_throws_counts_away_is_warned_of(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            findings = look(State(url=f"unix://{valkey.socket}"))
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert "warning" in outcomes(findings)
    assert any("allkeys-lru; expected noeviction" in finding.seen for finding in findings)


def test_a_clock_that_is_not_ours_is_told(valkey: Valkey) -> None:
    findings = look(State(url=f"unix://{valkey.socket}"), MockClock())
    assert outcomes(findings) == ["ok", "ok", "fault"]


def test_a_server_that_is_not_there_is_a_fault_without_secrets() -> None:
    state = State(url=f"redis://127.0.0.1:{free_port()}/0", password="a-secret-word")
    (found,) = look(state)
    assert found.outcome == "fault"
    assert "cannot be asked: no connection" in found.seen
    assert "secret" not in found.seen


def test_sentinels_that_are_not_there_name_nobody() -> None:
    state = State(url=f"redis+sentinel://127.0.0.1:{free_port()}/main")
    first, last = look(state)
    assert (first.outcome, last.outcome) == ("warning", "fault")
    assert last.seen == "no Sentinel names the primary"


def test_each_node_of_a_cluster_that_the_url_names_is_asked() -> None:
    ports = [free_port(), free_port()]
    state = State(url="redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports))
    assert [found.what for found in look(state)] == [f"state 127.0.0.1:{port}" for port in ports]


def test_sentinels_lead_to_the_primary(tmp_path: Path) -> None:
    with primary_with_replicas(
        tmp_path, replicas=1, sentinels=1, down_after_ms=60_000
    ) as deployment:
        findings = look(State(url=deployment.url))
        port = deployment.primary().port
    assert outcomes(findings) == ["ok"] * 4
    assert findings[0].seen == f"names 127.0.0.1:{port}"
    assert findings[1].what == f"state 127.0.0.1:{port}"


def test_a_replica_in_place_of_the_primary_is_a_fault(tmp_path: Path) -> None:
    with Valkey(tmp_path, args=("--replicaof", "127.0.0.1", str(free_port()))) as server:
        findings = look(State(url=server.url))
    assert "it is a replica; expected a primary" in [found.seen for found in findings]
