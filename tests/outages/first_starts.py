"""Replicas that start where something is missing: a schema, secrets, or all that was stored."""

from __future__ import annotations

import time
from functools import partial

from outages.outage import STORED, prepare, route
from outages.replica import Replica
from outages.report import Report
from outages.world import World
from support.ports import eventually

ENDS_S = 25


def unmigrated(world: World, *crews: int) -> Report:
    """Start on a database without a schema, and on one whose secrets nobody gave."""
    report = Report("nothing was prepared")
    database = world.server.database(empty=True).rpartition("/")[2]
    told = "the database has no schema yet; run `sluicegate migrate`"
    configuration = world.site.configuration()
    there = configuration["store"]["url"].rpartition("/")[0]
    bare = {**configuration, "store": {**configuration["store"], "url": f"{there}/{database}"}}
    unknown = {**configuration, "peppers": {}, "store": {**configuration["store"]}}
    del unknown["store"]["master_keys"]
    for what, written, words in (
        ("no schema", bare, (told,)),
        ("no pepper, no master key", unknown, ("peppers", "store.master_keys")),
    ):
        for workers in crews:
            replica = Replica(world.folder / f"{what}-{workers}", written, workers, "")
            replica.start(**world.secrets.environ)
            try:
                status = replica.gateway.process.wait(ENDS_S)
            finally:
                replica.kill()
            said = replica.gateway.err.read_text()
            report.note(f"{what}, workers: {workers}; exit status", status)
            report.must(status == 1, f"{what}: it ends with {status}: {said}")
            report.must("Traceback" not in said, f"{what}: {said}")
            for word in words:
                report.must(
                    word in said, f"{what}, {workers} workers: it does not say {word}: {said}"
                )
    return report


def nothing_but_a_disk(world: World, *crews: int) -> Report:
    """Start again while store and state are away; then one with an empty disk, which waits."""
    report = Report("store and state away")
    for workers in crews:
        (replica,) = world.site.add(workers)
        _away_at_start(world, report, replica, workers)
    return report


def _away_at_start(world: World, report: Report, replica: Replica, workers: int) -> None:
    prepare(world, [replica], 1)
    name = f"kept-{workers}"
    replica.admin.put(f"/routes/{name}", route(f"/{name}/**"))
    on_disk = replica.folder / "data" / "store.snapshot"
    seen = on_disk.stat().st_mtime_ns if on_disk.exists() else 0
    eventually(lambda: on_disk.exists() and on_disk.stat().st_mtime_ns >= seen, "it is kept")
    replica.stop()
    world.server.kill()
    world.valkey.kill()
    began = time.monotonic()
    replica.start(**world.secrets.environ)
    eventually(replica.ready, f"it starts from its disk: {replica.gateway.err}", within_s=ENDS_S)
    report.note(f"start from the disk, workers: {workers}, s", f"{time.monotonic() - began:.1f}")
    got = replica.get(f"/{name}/x", "sg_local_unknown")
    report.must(replica.status("/open/x") == 200, "the file's routes are not served")
    report.must(got.status == 401, f"a stored route asked by no key of ours got {got.status}")
    (fresh,) = world.site.begin([workers])
    eventually(
        lambda: _waits(fresh), f"it says that it waits: {fresh.gateway.err}", within_s=ENDS_S
    )
    report.must(not fresh.gateway.healthy(), "it is ready, and knows nothing of the store")
    report.must(fresh.gateway.healthy("liveness"), "it waits, and would be restarted for it")
    world.valkey.start()
    world.server.start()
    began = time.monotonic()
    fresh.wait()
    report.note(
        f"start once they are back, workers: {workers}, s", f"{time.monotonic() - began:.1f}"
    )
    for each in (replica, fresh):
        eventually(partial(_has, each, STORED), "the stored route is there")


def _has(replica: Replica, path: str) -> bool:
    return replica.status(path) == 401


def _waits(replica: Replica) -> bool:
    return "nothing is kept of it" in replica.gateway.err.read_text()
