from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.ports import eventually, free_port
from support.raw_http import connect, get
from support.upstreams import Upstream, answering, response

IMPATIENT = """
import sys
from pathlib import Path
from sluicegate.logs import configure_logging
from sluicegate.process import runtime
from sluicegate.process.serve import serve
from sluicegate.process.slot import Timings

configure_logging()
timings = Timings(beat_s=0.1, silence_s={silence_s}, adopt_after_s=0.1)
sys.exit(runtime.run(serve(Path(sys.argv[1]), terminal=False, timings=timings)))
"""

GET = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"
RESTARTS = 'sluicegate_worker_restarts_total{cause="%s"}'


@contextmanager
def replica(folder: Path, silence_s: float = 10) -> Iterator[Gateway]:
    """Run two workers in front of an upstream that answers `hi`."""
    with in_thread(Upstream(answering(response(body=b"hi")))) as upstream:
        yaml = f"services:\n  s: {{targets: ['{upstream.url}']}}\n"
        yaml += "routes:\n  r: {match: {path: /a}, service: s}\n"
        program = ("-c", IMPATIENT.format(silence_s=silence_s))
        with gateway(folder, yaml, program=program, SLUICEGATE_GATEWAY_WORKERS="2") as up:
            eventually(lambda: phases(up) == ["ready", "ready"], "both workers serve")
            yield up


def workers(running: Gateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = running.health()["workers"]
    return found


def phases(running: Gateway) -> list[str]:
    return [worker["phase"] for worker in workers(running)]


def stale(running: Gateway) -> list[float]:
    metrics = running.metrics()
    return [metrics[f'sluicegate_worker_stale{{worker="{number}"}}'] for number in range(2)]


def requests(running: Gateway) -> float:
    metrics = running.metrics()
    return sum(v for k, v in metrics.items() if k.startswith("sluicegate_requests_total"))


def counted(running: Gateway, number: int) -> int:
    """Wait until so many requests are seen: a scrape leaves out who is not quick to answer."""
    eventually(lambda: requests(running) == number, f"{number} requests are counted")
    return number


def ended(pid: int) -> bool:
    """Say whether a process that is not our child is gone."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_killed_worker_is_replaced_and_counters_do_not_fall(tmp_path: Path) -> None:
    with replica(tmp_path) as up:
        assert [get(up.port, "/a").status for _ in range(20)] == [200] * 20
        before = counted(up, 20)
        victim = workers(up)[0]["pid"]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: workers(up)[0]["restarts"] == 1, "the death is noticed")
        assert requests(up) >= before
        eventually(lambda: phases(up) == ["ready", "ready"], "it is replaced")
        assert workers(up)[0]["pid"] != victim
        assert requests(up) >= before
        assert up.metrics()[RESTARTS % "crashed"] == 1


def test_a_sibling_serves_the_connections_of_a_slot_without_a_worker(tmp_path: Path) -> None:
    with replica(tmp_path) as up:
        victim = workers(up)[0]["pid"]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: workers(up)[0]["pid"] not in {victim, None}, "a successor begins")
        successor = workers(up)[0]["pid"]
        os.kill(successor, signal.SIGSTOP)
        assert workers(up)[0]["phase"] != "ready"
        # 20 connections spread over both sockets; none hangs in the queue of the dead one.
        assert [get(up.port, "/a").status for _ in range(20)] == [200] * 20
        os.kill(successor, signal.SIGCONT)
        eventually(lambda: phases(up) == ["ready", "ready"], "the successor serves")
        assert [get(up.port, "/a").status for _ in range(20)] == [200] * 20


def test_a_silent_worker_is_shown_with_its_last_values_then_killed_and_replaced(
    tmp_path: Path,
) -> None:
    with replica(tmp_path, silence_s=5) as up:
        assert [get(up.port, "/a").status for _ in range(20)] == [200] * 20
        counted(up, 20)
        victim, known = workers(up)[1]["pid"], up.metrics()[RESTARTS % "silent"]
        os.kill(victim, signal.SIGSTOP)
        eventually(lambda: phases(up)[1] == "silent", "the silence is noticed")
        eventually(lambda: stale(up) == [0, 1], "the other one answers the scrape")
        assert requests(up) == 20
        # A successor that takes long to start on a busy machine may be killed as well.
        eventually(lambda: up.metrics()[RESTARTS % "silent"] > known, "it is killed")
        assert ended(victim)
        eventually(lambda: phases(up) == ["ready", "ready"], "it is replaced", within_s=30)
        assert requests(up) == 20


def test_workers_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    with replica(tmp_path) as up:
        below = up.workers()
        assert len(below) >= 3
        up.process.kill()
        eventually(lambda: all(map(ended, below)), "every process below it ends")
        up.expected_exit = -signal.SIGKILL


def test_a_killed_management_process_is_replaced(tmp_path: Path) -> None:
    with replica(tmp_path) as up:
        known = {worker["pid"] for worker in workers(up)}
        others = [pid for pid in up.workers() if pid not in known]
        (management,) = [pid for pid in others if b"process.management" in command(pid)]
        os.kill(management, signal.SIGKILL)
        eventually(lambda: ended(management), "it ends")
        eventually(up.healthy, "the management port answers again")
        assert up.metrics()[RESTARTS % "crashed"] == 0


def command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@contextmanager
def replica_without_target(folder: Path, settings: str) -> Iterator[tuple[Gateway, Upstream]]:
    """Run two workers in front of a target that is not there; `start` it on its port."""
    upstream = Upstream(answering(response(body=b"hi")))
    upstream.port = free_port()
    service = f"{{targets: ['{upstream.url}'], {settings}}}"
    yaml = f"services:\n  s: {service}\nroutes:\n  r: {{match: {{path: /a}}, service: s}}\n"
    program = ("-c", IMPATIENT.format(silence_s=10))
    with gateway(folder, yaml, program=program, SLUICEGATE_GATEWAY_WORKERS="2") as up:
        eventually(lambda: phases(up) == ["ready", "ready"], "both workers serve")
        yield up, upstream


def target_out(running: Gateway) -> list[float]:
    """Return when each worker said that it leaves the target out, seconds since 1970."""
    lines = [line for line in running.logs() if line["event"] == "target_out"]
    return [datetime.fromisoformat(line["time"]).timestamp() for line in lines]


def passed_checks(running: Gateway) -> list[str]:
    names = [name for name in running.metrics() if "health_checks_total" in name]
    return [name for name in names if 'result="passed"' in name]


@pytest.mark.parametrize(
    "settings",
    [
        "ejection: {consecutive: 3, time: 5m}, breaker: null",
        "ejection: null, breaker: {min_calls: 10, open: 5m}",
    ],
    ids=["ejected", "open"],
)
def test_what_one_worker_leaves_out_its_sibling_leaves_out_too_until_it_is_back(
    tmp_path: Path, settings: str
) -> None:
    with replica_without_target(tmp_path, settings) as (up, upstream):
        with connect(up.port) as client:  # one connection, so one worker
            while not target_out(up):
                assert client.request(GET).status in {502, 503}
        eventually(lambda: len(target_out(up)) == 2, "the other one leaves it out as well")
        first, second = target_out(up)
        print(f"told to the sibling in {1000 * (second - first):.1f} ms")  # noqa: T201
        assert [get(up.port, "/a").status for _ in range(10)] == [503] * 10
        known = {worker["pid"] for worker in workers(up)}
        os.kill(max(known), signal.SIGKILL)
        eventually(
            lambda: (
                phases(up) == ["ready", "ready"]
                and {worker["pid"] for worker in workers(up)} != known
            ),
            "it is replaced",
        )
        assert [get(up.port, "/a").status for _ in range(10)] == [503] * 10
        with in_thread(upstream):
            began = time.monotonic()
            eventually(lambda: get(up.port, "/a").status == 200, "it is back")
            print(f"back in {1000 * (time.monotonic() - began):.0f} ms")  # noqa: T201
            eventually(
                lambda: [get(up.port, "/a").status for _ in range(10)] == [200] * 10,
                "it is back in both workers",
            )
        eventually(lambda: passed_checks(up), "a check that has passed is counted")
