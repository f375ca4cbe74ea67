"""Who is counted as whom behind the Ingress, and what Prometheus sees of three replicas."""

from __future__ import annotations

import asyncio

from rehearsal import discovery
from rehearsal.prometheus import Prometheus, scrape_config
from rehearsal.report import Report
from rehearsal.scenarios import Pace
from rehearsal.waiting import until
from rehearsal.world import World

ALLOWED, ASKED = 5, 8
"""Allowance of the route /limited, a day, for each address; and what each client asks for."""
CLAIMS = (
    {"X-Forwarded-For": "198.51.100.{n}"},
    {"Forwarded": "for=198.51.100.{n}"},
    {"X-Real-IP": "198.51.100.{n}", "X-Client-IP": "198.51.100.{n}"},
    {"X-Forwarded-For": "198.51.100.{n}, 203.0.113.{n}", "Forwarded": "for=203.0.113.{n}"},
)


async def two_clients(at: World, _: Pace, report: Report) -> None:
    """Each client has an allowance of its own, and what it claims to be gives it no other."""
    for number, client in enumerate(at.crowd.clients):
        statuses = []
        for n in range(ASKED):
            claims = CLAIMS[n % len(CLAIMS)] if number == 2 else {}
            headers = {name: value.format(n=n + 1) for name, value in claims.items()}
            statuses.append(await client.status("/limited", **headers))
        ok = statuses.count(200)
        report.notes.append(
            f"client {number}{', that claims to be others' if number == 2 else ''}: {ok} of {ASKED}"
        )
        report.must(ok == ALLOWED, f"client {number} has {ALLOWED}, not {ok}: {statuses}")


async def scraped(at: World, _: Pace, report: Report) -> None:
    """Prometheus finds every replica by the ServiceMonitor, each a target of its own."""
    objects = at.cluster.objects
    rendered = at.cluster.release.revisions[-1]
    (monitor,) = [each for each in rendered if each["kind"] == "ServiceMonitor"]
    known: list[dict[str, str]] = []
    found, authority = at.folder / "found.json", at.folder / "ca.pem"
    config = scrape_config(monitor, namespace=objects.namespace, found=found, authority=authority)
    report.notes.append(f"interval {config.get('scrape_interval', 'of Prometheus')}, "
                        f"scheme {config.get('scheme', 'http')}")  # fmt: skip

    def look() -> None:
        kinds = ("Endpoints", "Service", "Pod")
        targets = discovery.discovered(*(objects.all(kind) for kind in kinds))
        if targets != known:
            known[:] = targets
            discovery.write(found, targets)

    look()
    station = await at.cluster.network.attach("prometheus")
    short = {**config, "scrape_interval": "3s", "scrape_timeout": "3s"}
    async with Prometheus(at.folder / "prometheus", station, [short]) as prometheus:
        said: list[str] = []

        async def all_up() -> bool:
            look()  # again and again, as Prometheus does by itself in a cluster
            targets = await prometheus.targets()
            said[:] = [f"{each['scrapeUrl']} {each['lastError']}" for each in targets]
            return len(await prometheus.query("up == 1")) == len(at.ready())

        await until(all_up, lambda: f"every replica is scraped: {said or 'none is found'}", 45)
        series = await prometheus.query("count by (pod) (sluicegate_state_up)")
    pods = sorted(each["metric"].get("pod", "") for each in series)
    report.notes.append(f"targets: {', '.join(pods)}")
    report.must(pods == sorted(e.name for e in at.ready()), "each replica is one target, by name")
    await asyncio.to_thread(found.unlink)
