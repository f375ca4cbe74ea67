from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest

from sluicegate import __version__
from sluicegate.admin.actuator import Actuator, Info, Silent
from sluicegate.errors import Fault
from sluicegate.metrics import FamilyDump, Metrics
from sluicegate.process.status import ReloadStatus, Status, WorkerStatus
from support.exchanges import ClientSide, exchange, sink

STARTED_US = 1_700_000_000_000_000


@dataclass
class Replica:
    """A replica that says what a test wants."""

    live: bool = True
    ready: bool = True
    silent: bool = False
    reload: ReloadStatus = field(default_factory=ReloadStatus)

    async def status(self) -> Status:
        if self.silent:
            raise Silent("the supervisor does not answer")
        worker = WorkerStatus(0, "ready", 42, "cafe", 1, 2)
        return Status(
            live=self.live,
            ready=self.ready,
            draining=False,
            revision="cafe",
            workers=[worker],
            reload=self.reload,
        )

    async def scrape(self) -> list[FamilyDump]:
        if self.silent:
            raise Silent("the supervisor does not answer")
        metrics = Metrics()
        metrics.family("sluicegate_requests_total", "counter", "Requests.").cell().value = 3
        return metrics.dump()


def ask(
    path: str,
    replica: Replica | None = None,
    *,
    method: str = "GET",
    host: str = "localhost",
    listen: str = "127.0.0.1:9090",
) -> ClientSide:
    asked = exchange(method, path, host=host)
    app = Actuator(replica or Replica(), Info("north", STARTED_US), listen)
    asyncio.run(app.handle(asked))
    return sink(asked)


def content(answer: ClientSide) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_health_has_the_details() -> None:
    reload = ReloadStatus("failure", STARTED_US, [Fault("routes.a", 3, "wrong")])
    answer = ask("/actuator/health", Replica(reload=reload))
    found = content(answer)
    assert (answer.status, found["status"], found["revision"]) == (200, "UP", "cafe")
    assert found["workers"][0]["pid"] == 42
    assert found["reload"]["faults"] == [{"path": "routes.a", "line": 3, "message": "wrong"}]
    assert found["reload"]["at"] == "2023-11-14T22:13:20.000+00:00"


@pytest.mark.parametrize(
    ("path", "live", "ready", "status", "word"),
    [
        ("health", True, False, 503, "OUT_OF_SERVICE"),
        ("health", False, False, 503, "DOWN"),
        ("health/liveness", True, False, 200, "UP"),
        ("health/liveness", False, False, 503, "DOWN"),
        ("health/readiness", True, True, 200, "UP"),
        ("health/readiness", True, False, 503, "OUT_OF_SERVICE"),
    ],
)
def test_each_question_has_its_own_word(
    path: str, *, live: bool, ready: bool, status: int, word: str
) -> None:
    answer = ask(f"/actuator/{path}", Replica(live=live, ready=ready))
    assert (answer.status, content(answer)["status"]) == (status, word)


@pytest.mark.parametrize("path", ["health", "health/liveness", "prometheus", "info"])
def test_a_supervisor_that_hangs_is_503_everywhere(path: str) -> None:
    assert ask(f"/actuator/{path}", Replica(silent=True)).status == 503


def test_metrics_are_text_with_what_runs_as_labels() -> None:
    answer = ask("/actuator/prometheus")
    assert (answer.headers.get(b"content-type") or b"").startswith(b"text/plain; version=0.0.4")
    lines = answer.body.decode().splitlines()
    assert "sluicegate_requests_total 3.0" in lines
    assert f'sluicegate_build_info{{region="north",version="{__version__}"}} 1.0' in lines
    assert 'sluicegate_config_info{revision="cafe"} 1.0' in lines


def test_info_says_what_runs_since_when() -> None:
    assert content(ask("/actuator/info")) == {
        "version": __version__,
        "region": "north",
        "revision": "cafe",
        "started": "2023-11-14T22:13:20.000+00:00",
    }


@pytest.mark.parametrize("path", ["/", "/actuator", "/actuator/env", "/health", "/x/actuator/info"])
def test_other_paths_are_404_problems(path: str) -> None:
    answer = ask(path)
    assert answer.status == 404
    assert answer.headers.get(b"content-type") == b"application/problem+json"


def test_another_method_is_405_with_allow() -> None:
    answer = ask("/actuator/info", method="POST")
    assert answer.status == 405
    assert answer.headers.get(b"allow") == b"GET, HEAD"


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "10.1.2.3", "[::1]", "::1", socket.gethostname().lower()]
)
def test_addresses_and_names_of_this_machine_may_ask(host: str) -> None:
    assert ask("/actuator/info", host=host).status == 200


@pytest.mark.parametrize("host", ["attacker.example", "localhost.attacker.example", "127.1", ""])
def test_any_other_name_is_refused_since_it_may_be_rebound(host: str) -> None:
    assert ask("/actuator/info", host=host).status == 403
    assert ask("/actuator/unknown", host=host).status == 403


def test_the_name_that_it_listens_on_may_ask() -> None:
    assert ask("/actuator/info", host="gw.internal", listen="gw.internal:9090").status == 200
