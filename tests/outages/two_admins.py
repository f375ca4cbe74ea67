"""Two administrators change one route at the same moment, on one replica and on two."""

from __future__ import annotations

import threading
from typing import Any

import httpx

from outages.outage import prepare, route
from outages.replica import Admin, Replica
from outages.report import Report
from outages.world import World
from support.ports import eventually


def two_admins(world: World, times: int) -> Report:
    """Have both patch the same revision; look at the history; roll back."""
    report = Report("two admins change one route")
    replicas = world.site.crew(1, 2)
    prepare(world, replicas, 1)
    tokens = [_token(replicas[0].admin) for _ in range(2)]
    with_one = [Admin(replicas[0].gateway.management, token["token"]) for token in tokens]
    with_two = [
        Admin(replica.gateway.management, token["token"])
        for replica, token in zip(replicas, tokens, strict=False)
    ]
    for what, admins in (("on one replica", with_one), ("on two replicas", with_two)):
        seen = [_race(report, admins, f"race-{what[-1]}-{turn}") for turn in range(times)]
        report.note(f"{what}: answers to both", sorted(set(seen)))
        report.must(set(seen) == {(200, 412)}, f"{what}: {seen}")
        _rolled_back(report, admins[0], replicas, f"race-{what[-1]}-0")
    _accounted(report, replicas, [token["name"] for token in tokens], times)
    for admin in (*with_one, *with_two):
        admin.close()
    return report


def _token(admin: Admin) -> dict[str, str]:
    made = admin.ask("POST", "/tokens", json={"role": "operator"})
    assert made.status_code == 201, made.text
    found: dict[str, str] = made.json()
    return found


def _race(report: Report, admins: list[Admin], name: str) -> tuple[int, ...]:
    """Return the statuses of both, in order; the winner's change must be the one in force."""
    etag = admins[0].put(f"/routes/{name}", route(f"/{name}/first"))
    answers: list[httpx.Response | None] = [None, None]
    start = threading.Barrier(2)

    def change(number: int) -> None:
        start.wait(10)
        patch = {"match": {"path": f"/{name}/of-{number}"}}
        answers[number] = admins[number].patch(f"/routes/{name}", patch, etag)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    got = [answer for answer in answers if answer is not None]
    for number, answer in enumerate(got):
        if answer.status_code == 200:
            runs = admins[number].get(f"/routes/{name}")["spec"]["match"]["path"]
            report.must(runs == f"/{name}/of-{number}", f"{name} runs {runs}")
    for admin in admins:
        items = admin.get(f"/routes/{name}/history")["items"]
        report.must(len(items) == 2, f"the history of {name} has {len(items)} revisions")
    return tuple(sorted(answer.status_code for answer in got))


def _rolled_back(report: Report, admin: Admin, replicas: list[Replica], name: str) -> None:
    """Go back to the first revision, which must be served by all replicas."""
    items = admin.get(f"/routes/{name}/history")["items"]
    done = admin.ask("POST", f"/routes/{name}/rollback", json={"revision": items[-1]["revision"]})
    report.must(done.status_code == 200, f"the rollback of {name} got {done.status_code}")
    for replica in replicas:
        found = lambda replica=replica: replica.status(f"/{name}/first") == 401  # noqa: E731
        eventually(found, f"{name} is served as it was first")
    after = admin.get(f"/routes/{name}/history")["items"]
    report.must(after[0]["spec"] == items[-1]["spec"], f"{name} is not as it was first")
    report.note("rolled back: newest first", [item["action"] for item in after])


def _accounted(report: Report, replicas: list[Replica], tokens: list[str], times: int) -> None:
    """Find the winners in the audit list, and the losers in the logs, by name and address."""
    items = replicas[0].admin.get("/audit?kind=route&limit=1000")["items"]
    won = [item for item in items if item["actor"] in tokens and item["action"] == "patch"]
    lost: list[dict[str, Any]] = [
        line
        for replica in replicas
        for line in replica.gateway.logs()
        if line.get("audit") and line.get("status") == 412
    ]
    report.note("winners in the history and in the audit list", len(won))
    report.note("losers in the logs (who, from where, what, 412)", len(lost))
    report.must(len(won) == 2 * times, f"the audit list has {len(won)} winners")
    report.must(len(lost) == 2 * times, f"the logs have {len(lost)} losers")
    report.must({line["who"] for line in lost} <= set(tokens), "a loser is somebody else")
