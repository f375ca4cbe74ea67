"""What happens to a release of the chart in its life, each under load, and what has to hold then.

A scenario acts on a `World` and notes in its `Report` what only it can know. What clients saw is
worked out at the end by `play`. They run one after another on one cluster, `install` first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rehearsal.objects import Change
from rehearsal.report import Report
from rehearsal.waiting import until
from rehearsal.world import World


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is asked for, and how long it stays quiet before and after a trouble."""

    rate: float
    quiet_s: float


LONG = Pace(rate=60, quiet_s=3)
SHORT = Pace(rate=25, quiet_s=0.5)

Scenario = Callable[[World, Pace, Report], Awaitable[None]]


async def quiet(pace: Pace) -> None:
    """Let some load pass in which nothing happens."""
    await asyncio.sleep(pace.quiet_s)


# --- a release ----------


async def install(at: World, pace: Pace, report: Report) -> None:
    """From nothing: the schema first, then everything else, then what comes after."""
    done: list[str] = []
    began = three = 0.0

    def note(change: Change) -> None:
        nonlocal began, three
        began = began or at.now
        if len(at.ready()) == 3:
            three = three or at.now
        manifest = change.manifest
        done.append(f"{change.what} {manifest['kind']} {manifest['metadata']['name']}")

    at.cluster.objects.listen(note)
    await at.install()
    await at.settled(3)
    report.notes.append(
        f"three gateways were ready {three - began:.1f} s after the first manifest was applied,"
        " the schema's migration and three Valkeys included"
    )
    await at.everywhere("sluicegate_state_up", 1, "every pod has the state")
    tables = await at.database.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    report.must(int(tables[0][0]) > 5, "the schema was migrated")
    before = next((n for n, each in enumerate(done) if each.startswith("ADDED Job")), None)
    first = next((n for n, each in enumerate(done) if each == "ADDED Deployment gateway"), None)
    report.must(
        before is not None and first is not None and before < first,
        "the schema is migrated before the first gateway starts",
    )
    async with at.crowd.beside(pace.rate):
        await quiet(pace)


async def rolling_update(at: World, pace: Pace, report: Report) -> None:
    """Every pod is replaced by one of another template."""
    before = {each.name for each in at.pods()}
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        await at.upgrade(gateway={"podAnnotations": {"rehearsal/restart": str(at.now)}})
        await until(
            lambda: not before & {e.name for e in at.pods()} and len(at.ready()) >= at.wanted,
            "every pod was replaced",
            120,
        )
        await at.settled(at.wanted)
        await quiet(pace)
    report.must((report.fewest or 0) >= len(before), "there were never fewer replicas than before")


async def config_change(at: World, pace: Pace, report: Report) -> None:
    """A route more: running pods load it, none restarts."""
    before = {each.name for each in at.pods()}
    before_it, revisions = _config(at), await _revisions(at)
    routes = {"fresh": {"match": {"path": "/fresh"}, "service": "upstream"}}
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        upgrading = asyncio.ensure_future(at.upgrade(config={"routes": routes}))
        await until(lambda: _config(at) != before_it, "the ConfigMap is changed", 120)
        began = at.now

        async def loaded() -> bool:
            now = await _revisions(at)
            return set(now) == set(revisions) and all(now[e] != revisions[e] for e in now)

        await until(loaded, "every pod has loaded the new configuration", 120)
        report.notes.append(
            f"loaded by every pod {at.now - began:.1f} s after the ConfigMap was changed"
        )
        await upgrading
        await quiet(pace)
    report.must(before == {each.name for each in at.pods()}, "no pod was replaced")
    report.must(not _restarts(at), "no container was restarted")


async def broken_config(at: World, pace: Pace, report: Report) -> None:
    """A ConfigMap that cannot be used changes nothing, and is seen in the metrics of every pod."""
    good = at.cluster.objects.get("ConfigMap", "gateway-config")
    text = good["data"]["application.yml"]
    broken = text.replace("service: upstream", "service: nowhere", 1)
    assert broken != text
    name = "sluicegate_config_last_reload_success"
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        await at.cluster.apply({**good, "data": {**good["data"], "application.yml": broken}})
        seen = await at.everywhere(name, 0, "every pod says that the file cannot be used", 120)
        report.notes.append(f"seen in the metrics of every pod after {seen:.1f} s")
        await quiet(pace)
        await at.cluster.apply(good)
        await at.everywhere(name, 1, "every pod has loaded the mended file", 120)
    report.must(not _restarts(at), "no container was restarted")


async def failing_hook(at: World, pace: Pace, report: Report) -> None:
    """The schema cannot be migrated: the upgrade stops there, and old pods go on."""
    before = {each.name for each in at.pods()}
    good = dict(at.passwords)
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        at.passwords["migration-password"] = "not-this-one"
        await at.put_secrets()
        try:
            await at.upgrade(
                migrations={"backoffLimit": 0}, gateway={"podAnnotations": {"rehearsal/never": "1"}}
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is asked for
            report.notes.append(f"the upgrade was stopped: {error}")
        else:
            report.must(False, "an upgrade whose schema cannot be migrated is stopped")
        at.passwords.update(good)
        await at.put_secrets()
        await quiet(pace)
    report.must(before == {each.name for each in at.pods()}, "no pod was replaced")


async def secret_rotation(at: World, pace: Pace, report: Report) -> None:
    """A second pepper is added in front of the first; pods are replaced; nothing fails."""
    before = {each.name for each in at.pods()}
    at.passwords["pepper-2"] = at.passwords["pepper-1"][::-1]
    await at.put_secrets()
    async with at.crowd.beside(pace.rate):
        await quiet(pace)
        await at.upgrade(secrets={"peppers": ["2", "1"]})
        await until(lambda: not before & {e.name for e in at.pods()}, "every pod was replaced", 120)
        await at.settled(at.wanted)
        await quiet(pace)
    for pod in at.ready():
        environ = at.cluster.objects.get("Pod", pod.name)["spec"]["containers"][0]["env"]
        report.must("PEPPER_2" in {each["name"] for each in environ}, "pods know the new pepper")


def _config(at: World) -> str:
    return str(at.cluster.objects.get("ConfigMap", "gateway-config")["data"]["application.yml"])


async def _revisions(at: World) -> dict[str, str]:
    found = {}
    for pod in at.ready():
        assert pod.live is not None
        found[pod.name] = str((await at.management.health(pod.live.address)).get("revision"))
    return found


def _restarts(at: World) -> int:
    return sum(pod.live.restarts for pod in at.pods() if pod.live is not None)
