"""What is taken from a release while it is asked: pods, the primary, the database, a node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rehearsal.report import Report
from rehearsal.scenarios import Pace, quiet
from rehearsal.waiting import until
from rehearsal.world import World

ROLE = ". /opt/valkey/known.sh; ask_server 127.0.0.1 ROLE"
COUNTED = 40
"""Allowance of the route /counted, a day, for each client."""


async def pod_kill(at: World, pace: Pace, report: Report) -> None:
    """SIGKILL to one gateway; the kubelet starts it again."""
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        pod = at.ready()[0]
        assert pod.live is not None
        with at.death(pod.live.address):  # it lasts until the last connection is gone
            pod.live.crash()
            await until(lambda: not pod.ready, "it is noticed that a pod was killed")
        began = at.now
        await until(lambda: pod.ready, "the pod is ready again")
        report.notes.append(f"ready again after {at.now - began:.1f} s")
        await quiet(pace)


async def valkey_primary_kill(at: World, pace: Pace, report: Report) -> None:
    """The primary's pod is lost; a replica takes over; limits hold by their away mode meanwhile.

    No node takes a pod until then: one that is back before Sentinels notice would stay primary.
    """
    async with at.crowd.beside(pace.rate), counting(at, report):
        await at.everywhere("sluicegate_state_up", 1, "every pod has the state")
        await quiet(pace)
        before = await primary(at)
        assert before, "one Valkey says that it is primary"
        began = at.now
        for node in at.cluster.pods.nodes:
            at.cluster.cordon(node)
        await at.cluster.kill_pod(before)

        async def taken_over() -> bool:
            now = await primary(at)
            return bool(now) and now != before

        await until(taken_over, "another Valkey is primary", 60)
        report.notes.append(f"another Valkey is primary after {at.now - began:.1f} s")
        await at.everywhere("sluicegate_state_up", 1, "every pod has the state again", 60)
        report.failover_s = at.now - began
        for node in at.cluster.pods.nodes:
            at.cluster.cordon(node, cordoned=False)
        await until(lambda: len(at.ready("valkey")) == 3, "three Valkeys are ready again", 120)
        await quiet(pace)


@asynccontextmanager
async def counting(at: World, report: Report) -> AsyncIterator[None]:
    """Ask for what is limited as long as the block lasts: no more than the bound is admitted."""
    client = at.crowd.clients[0]
    admitted, most_bound = 0, 0.0

    async def count() -> None:
        nonlocal admitted, most_bound
        while True:
            admitted += await client.status("/counted") == 200
            bounds = await at.metric("sluicegate_limit_bound", 'scope="route:counted"')
            most_bound = max([most_bound, *bounds.values()])

    task = asyncio.ensure_future(count())
    try:
        yield
    finally:
        ended = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    report.must(not ended, "the limit could be asked all the while")
    report.notes.append(
        f"{admitted} admitted by a limit of {COUNTED}, that may admit {most_bound:.0f} more"
    )
    report.must(admitted <= COUNTED + most_bound, "the limit holds within its bound")


async def database_kill(at: World, pace: Pace, report: Report) -> None:
    """PostgreSQL is killed: requests go on, and a replica starts from the signed snapshot."""
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        await at.database.kill()
        await at.everywhere("sluicegate_store_up", 0, "every pod has noticed", 60)
        before = {each.name for each in at.pods()}
        deleting = asyncio.ensure_future(at.cluster.delete_pod(min(before)))
        took = await until(
            lambda: {each.name for each in at.ready()} - before, "a new replica is ready", 90
        )
        report.notes.append(f"a new replica was ready without a database after {took:.1f} s")
        await deleting
        await at.settled(at.wanted)
        await at.database.start()
        back = await at.everywhere("sluicegate_store_up", 1, "every pod has the database again", 60)
        report.notes.append(f"every pod has it again {back:.1f} s after its return")
        await quiet(pace)


async def node_drain(at: World, pace: Pace, report: Report) -> None:
    """A node is emptied for good: pods leave it as the disruption budgets let them."""
    node = at.ready()[0].node
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        began = at.now
        await at.cluster.drain(node)
        report.notes.append(f"{node} was empty after {at.now - began:.1f} s")
        await at.settled(at.wanted)
        await quiet(pace)
    least = at.cluster.objects.get("PodDisruptionBudget", "gateway")["spec"]["minAvailable"]
    report.must((report.fewest or 0) >= least, f"never fewer than minAvailable ({least}) are ready")
    report.must(all(each.node != node for each in at.pods()), "no gateway is left on the node")
    at.cluster.cordon(node, cordoned=False)
    await until(lambda: len(at.ready("valkey")) == 3, "three Valkeys are ready again", 120)


async def primary(at: World) -> str:
    """Return the pod that says that it is Valkey's primary; empty where none does."""
    for pod in at.ready("valkey"):
        assert pod.live is not None
        try:
            _, said = await pod.live.execute(["sh", "-c", ROLE], container="valkey")
        except (OSError, TimeoutError):
            continue
        if said.split("\n")[0].strip() == "master":
            return pod.name
    return ""
