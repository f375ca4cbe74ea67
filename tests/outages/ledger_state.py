"""The state of budgets is lost, or what it did last: how much of the ledger goes with it.

    a primary is killed, a replica takes over     what was not replicated is lost: calls that were
                                                  begun and ended meanwhile, and not moved yet
    a single server comes back empty              lines that waited in it: those of the last moments

The stated loss is what ended within that time; every other call has its line: a settlement whose
reservation is gone writes it all the same, and a reservation whose settlement is gone is swept.
A budget overspends by no more than what the state has forgotten: the calls of that time, each with
what it costs, and those under way. The difference is shown by the reconciliation, which repairs it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import redis

from outages.ledger_load import CallLoad
from outages.ledger_site import COST, Compared, LedgerSite, equal, repaired, settled
from outages.replica import Replica
from outages.report import Report
from outages.world import World
from support.ports import eventually
from support.valkey import Valkey
from support.valkey_sentinel import Sentineled, primary_with_replicas

NOISE_S = 1.0
"""Lines are moved four times a second, and replicated at once; the rest is for a busy machine."""
USED_UP = 429


@dataclass(frozen=True, slots=True)
class Loss:
    """Answers before, while nothing is replicated, and after it; the budget in whole calls."""

    before: int
    behind: int
    after: int
    clients: int
    replicas: tuple[int, ...]
    budget: int
    times: int

    @property
    def allow(self) -> str:
        """The budget as it is written."""
        return f"{self.budget / 100:.2f}/month"


FEW = Loss(20, 12, 12, 4, (2,), 80, 1)
MANY = Loss(200, 200, 200, 10, (2, 2, 2), 1500, 2)


def failed_over(world: World, loss: Loss) -> Report:
    """Kill the primary: as it is; then with its replica behind by a stated time."""
    report = Report("ledger: Valkey primary killed")
    # One Sentinel: several on a busy machine may fail over twice, and each time is a loss.
    deployment = world.stack.enter_context(
        primary_with_replicas(world.folder / "sentinel", replicas=1, sentinels=1)
    )
    site = LedgerSite(world, deployment.url, allow=loss.allow)
    replicas = site.add(*loss.replicas)
    before = deployment.primary()
    for turn, (model, behind) in enumerate((("a", True), ("b", False))[: loss.times]):
        if turn:
            before.start()
            _follows(deployment)
        load = site.load(model)
        with load.beside(replicas, loss.clients):
            load.answered(loss.before)
            began = _cut(deployment) if behind else time.monotonic() - NOISE_S
            if behind:
                load.answered(loss.behind)
            before = deployment.primary()
            before.kill()
            killed = time.monotonic()
            _taken_over(deployment, before)
            load.answered(loss.after)
            load.answered(loss.clients, USED_UP, within_s=60)
        site.at_rest(deployment.primary().client())
        words = "not replicated for, s" if behind else "replicated at once; looked back, s"
        report.note(f"{model}: {words}", f"{killed - began:.2f}")
        _within(report, site, model, load, (began, killed), loss)
    report.note("failovers", loss.times)
    repaired(report, site)
    _stop(replicas)
    return report


def came_back_empty(world: World, loss: Loss) -> Report:
    """Kill the only server, and start it again with nothing."""
    report = Report("ledger: single Valkey restarted empty")
    site = LedgerSite(world, allow=loss.allow)
    replicas = site.add(*loss.replicas)
    load = site.load("a")
    with load.beside(replicas, loss.clients):
        load.answered(loss.before)
        began = time.monotonic()
        with world.valkey.client() as client:
            held = _held(client)
        world.valkey.kill()
        killed = time.monotonic()
        world.valkey.start()
        load.answered(loss.after)
        load.answered(loss.clients, USED_UP, within_s=60)
    with world.valkey.client() as client:
        site.at_rest(client)
        _within(report, site, "a", load, (began, killed), loss, held)
        repaired(report, site)
        away(report, world, site, replicas, client, loss)
    _stop(replicas)
    return report


def away(
    report: Report,
    world: World,
    site: LedgerSite,
    replicas: Sequence[Replica],
    client: redis.Redis,
    loss: Loss,
) -> None:
    """Stop the state where it stands: soft budgets let calls through, and are charged for them."""
    load = site.load("soft")
    with load.beside(replicas, loss.clients):
        load.answered(5)
        world.valkey.pause()
        load.answered(loss.after)
        world.valkey.resume()
        load.answered(5)
    site.at_rest(client)
    report.must(load.statuses.keys() == {200}, f"calls failed: {load.statuses}")
    eventually(lambda: not site.compare("soft").lost, "what was not counted is")
    site.at_rest(client)
    found = settled(report, site, "soft", load)
    report.note("soft: difference, with the state away", len(found.lost))
    report.must(not found.lost, f"soft: lost {sorted(found.lost)[:5]}")
    equal(report, site)


def _within(
    report: Report,
    site: LedgerSite,
    model: str,
    load: CallLoad,
    span: tuple[float, float],
    loss: Loss,
    held: bytes = b"",
) -> None:
    """Have what is lost be of that time, and what was spent above the budget be no more.

    `held` is what the state had when that time began, which is lost as well.
    """
    found = settled(report, site, model, load)
    lost = found.lost
    forgotten = load.since(*span)
    forgotten |= {name for name in found.upstream if msgspec.msgpack.encode(name) in held}
    report.note(f"{model}: calls of that time, the most that may be lost", len(forgotten))
    report.note(f"{model}: difference (what the upstream got and the ledger has not)", len(lost))
    report.must(lost <= forgotten, f"lost, and not of that time: {sorted(lost - forgotten)[:5]}")
    _overspent(report, model, found, loss, len(forgotten))
    report.note(f"{model}: answers by status", dict(sorted(load.statuses.items())))
    strange = load.statuses.keys() - {0, 200, 429, 503}
    report.must(not strange, f"answers: {load.statuses}")


def _overspent(report: Report, model: str, found: Compared, loss: Loss, forgotten: int) -> None:
    above = max(0, len(found.upstream) - loss.budget)
    report.note(f"{model}: budget, in calls of {COST / 1e9} USD", loss.budget)
    report.note(f"{model}: calls above it, and their bound", f"{above} of {forgotten}")
    report.must(above <= forgotten, f"{above} calls above the budget, bound {forgotten}")
    report.must(len(found.upstream) >= loss.budget - forgotten, "the budget was not used up")


def _held(client: redis.Redis) -> bytes:
    """Return all reservations and all lines that wait, as the state has them in one moment."""
    pipe = client.pipeline(transaction=True)
    pipe.hvals("sg:{ledger}open")
    pipe.xrange("sg:{ledger}lines")
    opened, lines = pipe.execute()
    return b"\n".join([*opened, *(fields[b"e"] for _, fields in lines if b"e" in fields)])


def _cut(deployment: Sentineled) -> float:
    """Let the replicas follow no more; returns when nothing more was replicated."""
    primary = deployment.primary()
    began = time.monotonic()
    with primary.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
        client.execute_command("CLIENT", "KILL", "TYPE", "replica")
        eventually(lambda: client.info("replication")["connected_slaves"] == 0, "nobody follows")
    return began


def _taken_over(deployment: Sentineled, before: Valkey) -> None:
    eventually(lambda: deployment.failed_over(before), "a replica has taken over", within_s=30)


def _follows(deployment: Sentineled) -> None:
    """Wait until the one that has come back follows the new primary, and others do."""

    def follow() -> bool:
        with deployment.primary().client() as client:
            known = client.info("replication")
        followers = [known[f"slave{n}"] for n in range(known["connected_slaves"])]
        return len(followers) == len(deployment.servers) - 1 and all(
            follower["state"] == "online" for follower in followers
        )

    eventually(follow, "all follow the new primary", within_s=30)


def _stop(replicas: Sequence[Replica]) -> None:
    for replica in replicas:
        replica.stop()
