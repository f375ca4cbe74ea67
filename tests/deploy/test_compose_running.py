"""The services of compose.yml, run as processes on networks of their own: they work together."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from rehearsal.waiting import until
from support.compose import Instance, Place, Project, prepared

FIRST = ("sentinel-0", "sentinel-1", "sentinel-2", "migrate", "app")
PROMETHEUS = "http://127.0.0.1:9090/api/v1"


class Running:
    """A project on a loop of its own, so that tests can share it."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = Thread(target=self.loop.run_forever)
        self._thread.start()
        self.project = Project(folder, prepared(folder / "secrets"))

    def do(self, work: Coroutine[Any, Any, Any], within_s: float = 110) -> Any:
        """Wait for what is done on that loop."""
        begun: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return begun.result(within_s)

    def close(self) -> None:
        """End everything."""
        try:
            self.do(self.project.__aexit__(None, None, None))
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()
            self.loop.close()


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """Start what the gateways wait for; each test brings up the rest."""
    folder = Path(tempfile.mkdtemp(prefix="compose-"))  # other users have to get there
    folder.chmod(0o711)
    running = Running(folder)
    try:
        running.do(running.project.__aenter__())
        running.do(running.project.up(*FIRST))
        yield running
    finally:
        running.close()
        shutil.rmtree(folder)


@pytest.fixture
def project(running: Running) -> Project:
    running.do(running.project.up("gateway"))
    return running.project


async def client(project: Project, name: str) -> tuple[Place, str]:
    await project.up("balancer")
    return await project.attach(name, ["front"]), project.url("balancer", 8080, "front")


async def statuses(place: Place, url: str, *options: str) -> Counter[str]:
    out = await place.curl("-o", "/dev/null", "-w", "%{http_code}\n", *options, url)
    return Counter(out.split())


def served(instance: Instance) -> int:
    return instance.log.count('"route":"app"')


def test_three_gateways_answer_through_the_balancer(running: Running, project: Project) -> None:
    async def scene() -> None:
        place, url = await client(project, "newcomer")
        assert (await place.curl(f"{url}/hello")).startswith("GET /hello on 9000")
        assert await statuses(place, f"{url}/[1-60]") == {"200": 60}
        gateways = project.instances["gateway"]
        await until(lambda: all(map(served, gateways)), lambda: str([*map(served, gateways)]))

    running.do(scene())


def test_two_clients_are_two_buckets_and_neither_chooses_its_own(
    running: Running, project: Project
) -> None:
    limit = "policies=[{rate_limit: {allow: [20/day], by: ip}}]"
    metered = ["route", "set", "metered", "match.path=/metered/**", "service=app", limit]

    async def scene() -> None:
        eager, url = await client(project, "eager")
        modest, _ = await client(project, "modest")
        early, _ = await client(project, "early")
        gateways = project.instances["gateway"]
        status, out = await gateways[0].container.execute(["sluicegate", *metered], within_s=20)
        assert status == 0, out

        async def everywhere() -> bool:
            await early.curl(f"{url}/metered/")
            return all('"route":"metered"' in each.log for each in gateways)

        await until(everywhere, "all gateways have the route")
        many = [f"X-Forwarded-For: 203.0.113.{number}" for number in range(4)]
        found = await asyncio.gather(
            *(statuses(eager, f"{url}/metered/[1-30]", "-H", header) for header in many)
        )
        passed = sum(each["200"] for each in found)
        # A gateway that the state answers late goes on with its third: 20 more of all three. Four
        # buckets would have admitted 52 at the least, each two of three thirds.
        assert 0 < passed < 52, f"{passed} of four addresses, which are one bucket of 20"
        assert sum(each["429"] for each in found) == 120 - passed
        assert await statuses(modest, f"{url}/metered/[1-5]") == {"200": 5}

    running.do(scene())


def test_what_a_client_says_of_itself_reaches_no_service(
    running: Running, project: Project
) -> None:
    async def scene() -> None:
        place, url = await client(project, "boaster")
        told = {
            "X-Forwarded-For": "203.0.113.77", "X-Real-IP": "203.0.113.77",
            "Forwarded": "for=203.0.113.77;host=boast.example", "X-Forwarded-Proto": "boast",
            "X-Forwarded-Host": "boast.example", "X-Forwarded-Port": "777",
        }  # fmt: skip
        headers = [part for name, value in told.items() for part in ("-H", f"{name}: {value}")]
        out = await place.curl(f"{url}/hello", *headers)
        assert f"x-forwarded-for: {place.addresses['front']}, 172.30.1.2" in out
        assert not re.search("203.0.113.77|boast|777", out), out

    running.do(scene())


def test_nobody_reaches_what_shares_no_network_with_him(running: Running, project: Project) -> None:
    async def scene() -> None:
        place, url = await client(project, "stranger")
        assert (await place.curl(f"{url}/hello")).startswith("GET")
        for service, port, network in (
            ("gateway", 8080, "edge"), ("gateway", 9090, "monitoring"), ("valkey-0", 6379, "state"),
        ):  # fmt: skip
            outside = project.url(service, port, network)
            assert await statuses(place, outside, "--connect-timeout", "1") == {"000": 1}
        balancer = project.instances["balancer"][0].place
        known = [name for name in project.instances if project.addresses_for(balancer, name)]
        assert sorted(known) == ["balancer", "gateway"]

    running.do(scene())


def test_prometheus_finds_each_replica_and_loads_its_rules(
    running: Running, project: Project
) -> None:
    async def scene() -> None:
        await project.up("prometheus")
        place = project.instances["prometheus"][0].place

        async def up() -> bool:
            found = json.loads(await place.curl(f"{PROMETHEUS}/targets?state=active"))
            targets = [each for each in found["data"]["activeTargets"] if each["health"] == "up"]
            pools = Counter(each["scrapePool"] for each in targets)
            return pools == {"sluicegate": 3, "prometheus": 1}

        await until(up, "one target for each replica is up", within_s=40)
        found = json.loads(await place.curl(f"{PROMETHEUS}/query?query=sluicegate_state_up"))
        assert [each["value"][1] for each in found["data"]["result"]] == ["1", "1", "1"]

    running.do(scene())


def test_a_dead_primary_is_followed_by_a_replica_and_no_request_fails(
    running: Running, project: Project
) -> None:
    async def scene() -> None:
        place, url = await client(project, "patient")
        primary = project.instances["valkey-0"][0]
        primary.container.kill()
        await primary.ended
        seen: Counter[str] = Counter()

        async def counts_again() -> bool:
            out = await place.curl("-i", f"{url}/hello")
            seen[out.split()[1]] += 1
            return seen.total() > 1 and "sluicegate-degraded" not in out.lower()

        await until(counts_again, lambda: f"limits are counted again, {seen}", within_s=60)
        assert seen.keys() == {"200"}
        sentinel = project.instances["sentinel-1"][0]
        named = await told(sentinel, "SENTINEL", "get-master-addr-by-name", "main")
        assert re.search(r"172\.30\.2\.1[12]", named), named
        await project.up("valkey-0")  # as `restart: unless-stopped` would

        async def follows() -> bool:
            return "role:slave" in await told(project.instances["valkey-0"][0], "INFO")

        await until(follows, "the old primary follows the new one", within_s=45)

    running.do(scene())


async def told(instance: Instance, *command: str) -> str:
    port = "26379" if instance.place.name.startswith("sentinel") else "6379"
    script = 'REDISCLI_AUTH=$(cat /run/secrets/state_password) exec valkey-cli -p "$@"'
    argv = ["sh", "-c", script, "sh", port, *command]
    status, out = await instance.container.execute(argv, within_s=10)
    assert status == 0, out
    return out


@pytest.mark.parametrize("how", ["killed", "asked to end"])
def test_no_request_is_lost_with_a_gateway(running: Running, project: Project, how: str) -> None:
    async def scene() -> None:
        clients = [await client(project, f"busy-{number}-{how[:3]}") for number in range(4)]
        load = [
            asyncio.ensure_future(statuses(place, f"{url}/[1-100]", "--rate", "40/s"))
            for place, url in clients
        ]
        gone = project.instances["gateway"][1]
        before = served(gone)
        await until(lambda: served(gone) > before, "it has work")
        if how == "killed":
            gone.container.kill()
        else:
            gone.container.signal(15)
        found = await asyncio.gather(*load)
        assert sum(found, Counter()) == {"200": 400}
        assert await gone.ended == (137 if how == "killed" else 0)

    running.do(scene())
