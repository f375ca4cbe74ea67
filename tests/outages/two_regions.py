"""Two PostgreSQL servers that replicate to each other, and replicas of a gateway at each."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

from outages.outage import route
from outages.replica import Replica
from outages.report import Report
from outages.world import Site, World
from support.ports import eventually
from support.postgres import USERNAME, Postgres
from support.valkey import Valkey

HOW_TO = Path(__file__).parents[2] / "docs" / "howto" / "two-stores.md"
AGREE_S = 80.0
WEST, EAST = "west", "east"


def two_regions(world: World, names: int, turns: int) -> Report:
    """Write the same names in both at once; make keys in one and revoke them in the other."""
    report = Report("two regions, replicating both ways")
    other = world.stack.enter_context(Postgres(world.folder / EAST))
    state = world.stack.enter_context(Valkey(world.folder / EAST))
    west = world.make_site(world.server, world.valkey.url, WEST)
    east = world.make_site(other, state.url, EAST)
    join(west, east)
    replicas = west.begin([1, 2]) + east.begin([2])
    for replica in replicas:
        replica.wait()
    _write_at_once(report, west, east, names, turns)
    _agree(report, replicas, names, 2 * turns)
    _keys(report, west, east)
    for site in (west, east):
        site.stop()
    return report


def join(west: Site, east: Site) -> None:
    """Do what docs/howto/two-stores.md says."""
    publish, first_copy, back = re.findall(
        r"```\w+\n(CREATE .*?)```", HOW_TO.read_text(), re.DOTALL
    )
    for site in (west, east):
        site.server.execute(publish, site.database)
    east.server.execute(_from(first_copy, west, "from_west"), east.database)
    west.server.execute(_from(back, east, "from_east"), west.database)
    query = "SELECT 1 FROM pg_subscription_rel WHERE srsubstate <> 'r'"
    for site in (west, east):
        joined = lambda site=site: not site.server.execute(query, site.database)  # noqa: E731
        eventually(joined, "the servers have joined", within_s=AGREE_S, every_s=0.1)


def _from(sql: str, site: Site, name: str) -> str:
    where = f"host=127.0.0.1 port={site.server.port} user={USERNAME} dbname={site.database}"
    made = re.sub(r"CONNECTION '[^']*'", f"CONNECTION '{where}'", sql)
    return made.replace("WITH (", f"WITH (slot_name = {name}_{site.database}, ")


def _write_at_once(report: Report, west: Site, east: Site, names: int, turns: int) -> None:
    failed: list[str] = []

    def write(site: Site, region: str) -> None:
        admin = site.replicas[0].admin
        order = sorted(range(names), reverse=region == EAST)
        for turn in range(turns):
            for name in order:
                spec = route(f"/{region}-{turn}/{name}/**")
                answer = admin.ask("PUT", f"/routes/route-{name}", json=spec)
                if not answer.is_success:
                    failed.append(answer.text)

    threads = [threading.Thread(target=write, args=each) for each in ((west, WEST), (east, EAST))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report.note("writes of the same names in both regions", 2 * names * turns)
    assert not failed, f"writes failed, so that no history has them all: {failed[:2]}"


def _agree(report: Report, replicas: list[Replica], names: int, writes: int) -> None:
    began = time.monotonic()

    def known(replica: Replica) -> bool:
        found = [replica.admin.get(f"/routes/route-{name}/history") for name in range(names)]
        return all(len(history["items"]) == writes for history in found)

    def alike() -> bool:
        return all(map(known, replicas)) and len(set().union(*map(_run, replicas))) == 1

    eventually(alike, "all replicas run the same", within_s=AGREE_S, every_s=0.05)
    report.note("all replicas run the same after, s", f"{time.monotonic() - began:.2f}")
    shown, served = [], []
    for replica in replicas:
        paths = [
            replica.admin.get(f"/routes/route-{name}")["spec"]["match"]["path"]
            for name in range(names)
        ]
        shown.append(paths)
        # 401: the route is there, and asks for a key. 404: it is another one's.
        served.append([replica.status(path.replace("/**", "/x")) for path in paths])
    report.note("regions that have won", sorted({path[1:5] for path in shown[0]}))
    report.must(all(paths == shown[0] for paths in shown), f"they show {shown}")
    report.must(all(set(each) == {401} for each in served), f"they serve {served}")


def _run(replica: Replica) -> set[str]:
    """Return what its workers serve: what it has accepted comes to each in its own time."""
    return {str(worker["revision"]) for worker in replica.gateway.health()["workers"]}


def _keys(report: Report, west: Site, east: Site) -> None:
    west.replicas[0].admin.put("/consumers/ann", {})
    for here, there, way in ((west, east, "west to east"), (east, west, "east to west")):
        known = lambda here=here: (  # noqa: E731
            here.replicas[0].admin.ask("GET", "/consumers/ann").is_success
        )
        eventually(known, "the consumer is known", within_s=AGREE_S)
        made = here.replicas[0].admin.key("ann")
        replicas = [*here.replicas, *there.replicas]
        began = time.monotonic()
        for replica in replicas:
            _gets(replica, made["key"], 200)
        report.note(f"a new key works everywhere, {way}, s", f"{time.monotonic() - began:.2f}")
        there.replicas[0].admin.revoke(made["name"])
        began = time.monotonic()
        for replica in replicas:
            _gets(replica, made["key"], 401)
        report.note(
            f"revoked there, refused everywhere, s ({way})", f"{time.monotonic() - began:.2f}"
        )


def _gets(replica: Replica, key: str, status: int) -> None:
    found = lambda: replica.status("/keyed/x", key) == status  # noqa: E731
    eventually(found, f"the key gets {status}", within_s=AGREE_S, every_s=0.02)
