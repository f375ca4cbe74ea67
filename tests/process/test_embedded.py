from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError
from structlog.testing import capture_logs

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.process import embedded as module
from sluicegate.process.embedded import Embedded, counting_together, program
from sluicegate.settings import Settings, State
from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.ports import eventually
from support.raw_http import get
from support.upstreams import Upstream, answering, response

OWNER = """
import asyncio, sys
from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.process import embedded, runtime

async def own():
    one = embedded.Embedded(embedded.program(), Clock(), Metrics())
    await one.start()
    print(one.url, flush=True)
    await asyncio.Event().wait()

runtime.run(own())
"""


def server() -> Path:
    found = program()
    assert found is not None
    return found


def client(url: str) -> Any:
    return Redis.from_url(url)


def pid_of(url: str) -> int:
    with client(url) as redis:
        pid: int = redis.info("server")["process_id"]
    return pid


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@asynccontextmanager
async def running(metrics: Metrics | None = None) -> AsyncIterator[Embedded]:
    one = Embedded(server(), Clock(), metrics or Metrics())
    try:
        await one.start()
        yield one
    finally:
        await one.close()


def test_it_listens_where_only_this_user_can_reach_it_and_forgets_nothing_to_make_room() -> None:
    async def scenario() -> None:
        async with running() as one:
            socket = one.url.removeprefix("unix://")
            assert mode(socket) == mode(os.path.dirname(socket)) == 0o700  # noqa: PTH120 - as text
            with client(one.url) as redis:
                settings = redis.config_get("*")
            assert settings["port"] == "0"
            assert settings["save"] == ""
            assert settings["appendonly"] == "no"
            assert settings["maxmemory-policy"] == "noeviction"

    asyncio.run(scenario())


def test_it_leaves_nothing_behind() -> None:
    async def scenario() -> tuple[int, Path]:
        async with running() as one:
            return pid_of(one.url), Path(one.url.removeprefix("unix://")).parent

    pid, folder = asyncio.run(scenario())
    assert gone(pid)
    assert not folder.exists()


def test_one_that_dies_is_started_again_where_it_was() -> None:
    metrics = Metrics()

    def restarts() -> float:
        return metrics.families["sluicegate_embedded_restarts_total"].cell().value

    def answers(url: str) -> bool:
        try:
            with client(url) as redis:
                return bool(redis.ping())
        except RedisError:
            return False

    def starts(logs: list[Any]) -> int:
        return sum("answers" in line["event"] for line in logs)

    async def scenario() -> None:
        async with running(metrics) as one:
            for deaths in (1, 2):
                victim = pid_of(one.url)
                os.kill(victim, signal.SIGKILL)
                # It may answer us before it has answered its keeper.
                await asyncio.to_thread(
                    eventually,
                    lambda n=deaths: starts(logs) == n + 1 and answers(one.url),
                    "it is back",
                )
                assert restarts() == deaths
                assert pid_of(one.url) != victim

    with capture_logs() as logs:
        asyncio.run(scenario())
    assert [line["exit_status"] for line in logs if "ended" in line["event"]] == [-9, -9]


def test_it_ends_with_a_supervisor_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        said = (line.decode().strip() for line in owner.stdout)  # its log is there as well
        pid = pid_of(next(line for line in said if line.startswith("unix://")))
        owner.kill()
    eventually(lambda: gone(pid), "nobody is left behind")


def test_ctrl_c_is_not_for_it() -> None:
    async def scenario() -> None:
        async with running() as one:
            assert os.getpgid(pid_of(one.url)) != os.getpgid(0)

    asyncio.run(scenario())


def test_workers_of_one_replica_are_told_to_count_in_it() -> None:
    async def scenario() -> None:
        async with counting_together(Settings(), 2, Clock(), Metrics()) as settings:
            pid = pid_of(settings.state.url)
            assert settings == Settings(state=State(url=settings.state.url))
        assert gone(pid)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("workers", "url"), [(1, "memory://"), (2, "redis://127.0.0.1:1")], ids=["one", "elsewhere"]
)
def test_who_counts_in_one_place_already_needs_none(workers: int, url: str) -> None:
    async def scenario() -> None:
        settings = Settings(state=State(url=url))
        async with counting_together(settings, workers, Clock(), Metrics()) as told:
            assert told is settings

    asyncio.run(scenario())


def test_without_the_package_workers_stay_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        settings = Settings()
        async with counting_together(settings, 2, Clock(), Metrics()) as told:
            assert told is settings

    monkeypatch.setattr(module, "find_spec", lambda _: None)
    asyncio.run(scenario())


@pytest.mark.parametrize("program", ["/bin/false", "/nothing/here"])
def test_a_server_that_does_not_start_is_a_fault_of_the_setting_that_wants_it(
    monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    async def scenario() -> None:
        async with counting_together(Settings(), 2, Clock(), Metrics()):
            pass

    monkeypatch.setattr(module, "program", lambda: Path(program))
    with pytest.raises(ConfigError, match="cannot be started") as caught:
        asyncio.run(scenario())
    assert [fault.path for fault in caught.value.faults] == ["gateway.workers"]


# --- with workers ---


def limited(url: str) -> str:
    """Write a limit; what counts it may be slow to answer, for the machine is shared."""
    return (
        "state: {timeout: 5s, connect_timeout: 5s}\n"
        f"services:\n  s: {{targets: ['{url}']}}\n"
        "routes:\n  r: {match: {path: /a}, service: s}\n"
        "policies:\n  - rate_limit: {allow: [50/day], by: ip}\n"
    )


@contextmanager
def replica(folder: Path) -> Iterator[Gateway]:
    """Run two workers that share 50 requests a day."""
    with (
        in_thread(Upstream(answering(response(body=b"hi")))) as upstream,
        gateway(folder, limited(upstream.url), SLUICEGATE_GATEWAY_WORKERS="2") as up,
    ):
        yield up


def embedded_of(running: Gateway) -> int:
    """Return the process id, 0 where there is none for the moment."""
    for pid in running.workers():
        with suppress(FileNotFoundError):  # it has ended since
            if b"valkey-server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return 0


def seen_by(running: Gateway) -> set[float]:
    """Return how many workers those of the replica see; the most that one of them does."""
    metrics = running.metrics().items()
    return {value for name, value in metrics if name.startswith("sluicegate_state_workers")}


def statuses(running: Gateway, number: int) -> list[int]:
    """Send requests, each on a connection of its own, so that both workers get some."""
    return [get(running.port, "/a").status for _ in range(number)]


def test_two_workers_admit_one_limit_to_the_request(tmp_path: Path) -> None:
    with replica(tmp_path) as up:
        assert sorted(statuses(up, 80)) == [200] * 50 + [429] * 30
        eventually(lambda: seen_by(up) == {2}, "each knows of the other")


def test_killed_under_load_it_costs_no_error_and_one_allowance_at_each_edge(tmp_path: Path) -> None:
    with replica(tmp_path) as up, ThreadPoolExecutor() as pool:
        before = statuses(up, 60)
        assert before.count(200) == 50
        victim = embedded_of(up)
        assert victim
        load = pool.submit(statuses, up, 300)
        os.kill(victim, signal.SIGKILL)
        seen = load.result()
        assert set(seen) <= {200, 429}
        assert seen.count(200) <= 2 * 50
        eventually(lambda: embedded_of(up) not in {0, victim}, "it is back")
        eventually(
            lambda: up.metrics()["sluicegate_embedded_restarts_total"] == 1, "that is counted"
        )
