"""The store goes away under load: what is served meanwhile, what is refused, and what comes after.

Three ways: PostgreSQL is killed, is stopped where it stands, or its link swallows everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from outages.load import Load
from outages.replica import Replica, request
from outages.report import Report
from outages.world import World
from sluicegate.model.key import new_key
from support.ports import asked_until, eventually
from support.raw_http import Connection

Away = tuple[Callable[[World], None], Callable[[World], None]]
WAYS: dict[str, Away] = {
    "killed": (lambda world: world.server.kill(), lambda world: world.server.start()),
    "paused": (lambda world: world.server.pause(), lambda world: world.server.resume()),
    "black hole": (lambda world: world.site.black_hole(), lambda world: world.site.heal()),
}
STORED = "/stored/x"
CATCH_UP_S = 15.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of it: seconds without the store, keys in use, workers of each replica."""

    away_s: float
    keys: int
    replicas: tuple[int, ...]
    per_s: float


SHORT = Pace(1.0, 3, (1, 2), 10)
LONG = Pace(15.0, 20, (1, 2, 2), 20)


def outage(world: World, way: str, pace: Pace) -> Report:
    """Take the store away, start a replica with an empty disk, and give the store back."""
    report = Report(f"PostgreSQL {way}")
    go_away, come_back = WAYS[way]
    replicas = world.site.add(*pace.replicas)
    first = replicas[0].admin
    keys = prepare(world, replicas, pace.keys)
    load = Load()
    targets = [(STORED, key) for key in keys] + [("/keyed/x", keys[0]), ("/open/x", None)]
    unused = first.key("ann")["key"]
    revoked, narrowed = taken_back(world, replicas)
    known_to_all(replicas, keys)
    with load.beside(replicas, targets, pace.per_s):
        go_away(world)
        began = time.monotonic()
        try:
            fresh = begin_without_store(world, report)
            served_from_state(report, fresh, keys)
            still_taken_back(report, [*replicas, fresh], revoked, narrowed)
            with load.beside([fresh], targets, pace.per_s):
                refused(report, [*replicas, fresh], unused)
                admin_refused(report, [*replicas, fresh])
                time.sleep(max(0.0, pace.away_s - (time.monotonic() - began)))
        finally:
            come_back(world)
        report.note("away, s", f"{time.monotonic() - began:.1f}")
        catch_up(report, [*replicas, fresh], unused)
    report.load(load)
    return report


def prepare(world: World, replicas: list[Replica], count: int) -> list[str]:
    """Store a consumer, a route and keys; use them everywhere; wait until they are kept."""
    admin = replicas[0].admin
    admin.put("/consumers/ann", {})
    admin.put("/routes/stored", route("/stored/**"))
    made = [admin.key("ann") for _ in range(count)]
    for replica in replicas:
        for key in made:
            served(replica, STORED, key["key"])
    with world.valkey.client() as client:
        names = [f"key:{key['name']}".encode() for key in made]

        def all_kept() -> bool:
            there = b"\n".join(client.scan_iter("*", count=1000))
            return b"snapshot:" in there and all(name in there for name in names)

        eventually(all_kept, "the state has records of all keys that were used")
    return [key["key"] for key in made]


def taken_back(world: World, replicas: list[Replica]) -> tuple[str, str]:
    """Revoke one key that was in use, restrict another; wait until the state says so."""
    admin = replicas[0].admin
    made = [admin.key("ann") for _ in range(2)]
    with world.valkey.client() as client:
        for key, narrow in zip(made, (False, True), strict=True):
            for replica in replicas:
                served(replica, STORED, key["key"])
            (name,) = _records(client, key["name"])
            before = client.dump(name)
            if narrow:
                etag = admin.ask("GET", f"/keys/{key['name']}").headers["etag"]
                admin.patch(f"/keys/{key['name']}", {"methods": ["POST"]}, etag)
            else:
                admin.revoke(key["name"])
            changed = lambda name=name, before=before: client.dump(name) != before  # noqa: E731
            eventually(changed, "the state's record of the key has changed")
    return made[0]["key"], made[1]["key"]


def _records(client: Any, name: str) -> list[bytes]:
    found: list[bytes] = []

    def kept() -> bool:
        found[:] = client.scan_iter(f"*key:{name}*", count=1000)
        return bool(found)

    eventually(kept, "the state has a record of the key")
    return found


def still_taken_back(report: Report, replicas: list[Replica], revoked: str, narrowed: str) -> None:
    """Ask with both: a record from before must not be believed."""
    seen = {replica.status(STORED, revoked) for replica in replicas}
    report.note("a key revoked before", sorted(seen))
    report.must(seen <= {401, 503}, f"a revoked key got {seen}")
    seen = {replica.status(STORED, narrowed) for replica in replicas}
    report.note("a key restricted before, where it is not for", sorted(seen))
    report.must(seen <= {403, 503}, f"a restricted key got {seen}")


def route(path: str) -> dict[str, Any]:
    """Return a route that asks for keys."""
    return {"match": {"path": path}, "service": "upstream", "policies": [{"api_key": {}}]}


def served(replica: Replica, path: str, key: str | None) -> None:
    """Wait until a replica serves that."""
    eventually(lambda: replica.status(path, key) == 200, f"{path} is served", every_s=0.05)


def begin_without_store(world: World, report: Report) -> Replica:
    """Start a replica with an empty disk, which has the state alone to begin with."""
    began = time.monotonic()
    (fresh,) = world.site.begin([2])
    eventually(fresh.ready, f"it starts without the store: {fresh.gateway.err}", within_s=25)
    report.note("start of a replica with an empty disk, s", f"{time.monotonic() - began:.1f}")
    return fresh


def known_to_all(replicas: Sequence[Replica], keys: Sequence[str]) -> None:
    """Use keys until every worker knows them."""
    with ExitStack() as stack:
        for replica in replicas:
            for line in replica.lines(stack):
                for key in keys:
                    known(line, request(STORED, key))


def known(line: Connection, asked: bytes) -> None:
    """Wait until the worker at the other end serves it."""
    eventually(lambda: line.request(asked).status == 200, "the key is known")


def served_from_state(report: Report, fresh: Replica, keys: list[str]) -> None:
    """Use each key and the stored route on a replica that never had the store.

    A worker that was not answered within 2 s says 503, and is asked again.
    """
    found = []
    with ExitStack() as stack:
        for line in fresh.lines(stack):
            found += [decided(line, request(STORED, key)) for key in keys]
    report.note("keys in use that it serves", f"{found.count(200)} of {len(found)}")
    report.must(set(found) == {200}, f"keys in use got {set(found)}")


def decided(line: Connection, asked: bytes) -> int:
    """Ask until the worker at the other end can say whose the key is; return the status."""
    return asked_until(
        lambda: line.request(asked),
        lambda answer: answer.status != 503 or answer.get("retry-after") is None,
        "a worker can say whose a key is",
    ).status


def refused(report: Report, replicas: list[Replica], unused: str) -> None:
    """Show keys that nobody can know now: 503 with Retry-After, and no 401."""
    seen = set()
    for replica in replicas:
        for key in (unused, new_key("local"), new_key("far")):
            for path in (STORED, "/keyed/x"):
                answer = replica.get(path, key)
                seen.add((answer.status, answer.get("retry-after") is not None))
    report.note("unknown keys: (status, has Retry-After)", sorted(seen))
    report.must(seen == {(503, True)}, f"unknown keys got {seen}")
    forms = {replica.status("/keyed/x", "not-of-ours-at-all") for replica in replicas}
    report.must(forms == {401}, f"what has no form of ours got {forms}")


def admin_refused(report: Report, replicas: list[Replica]) -> None:
    """Try to write: 503 with Retry-After."""
    seen = set()
    for replica in replicas:
        for method, path, body in (
            ("PUT", "/routes/later", route("/later/**")),
            ("POST", "/keys", {"consumer": "ann"}),
            ("DELETE", "/routes/stored", None),
        ):
            answer = replica.admin.ask(method, path, json=body)
            seen.add((answer.status_code, "retry-after" in answer.headers))
    report.note("admin writes: (status, has Retry-After)", sorted(seen))
    report.must(seen == {(503, True)}, f"admin writes got {seen}")


def catch_up(report: Report, replicas: list[Replica], unused: str) -> None:
    """Write through one replica as soon as it goes, and see it everywhere."""
    began, taken = time.monotonic(), []

    def written() -> bool:
        answer = replicas[0].admin.ask("PUT", "/routes/later", json=route("/later/**"))
        assert answer.status_code in {200, 201, 503}, answer.text
        return answer.is_success

    eventually(written, "a write goes through again", within_s=CATCH_UP_S, every_s=0.1)
    report.note("a write goes through after, s", f"{time.monotonic() - began:.2f}")
    wrote = time.monotonic()
    for replica in replicas:
        wanted = lambda replica=replica: replica.status("/later/x", unused) == 200  # noqa: E731
        eventually(wanted, "it has caught up", within_s=CATCH_UP_S, every_s=0.02)
        taken.append(time.monotonic() - wrote)
    report.times("all replicas run what was written", taken, CATCH_UP_S)
