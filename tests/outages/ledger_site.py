"""Replicas that serve calls of models with budgets, and what the ledger says of them afterwards.

Every call has a number of its own, which the provider is told as the message and the ledger keeps
as the request's id: so what the upstream got and what the ledger has are compared call by call.
Every call costs the same, and that much is reserved for it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import redis

from outages.ledger_load import CallLoad
from outages.replica import Replica
from outages.report import Report
from outages.world import Site, World
from support.loops import in_thread
from support.model_front import provider
from support.ports import eventually
from support.scripted_provider import ScriptedProvider, slow

COST = 10_000_000
"""Nano-USD of every call."""
PRICE = {"input": "0", "output": "0", "call": "0.01"}
RESERVATION_S = 6
"""Whoever is only held up is heard of within it: what was reserved is not charged meanwhile."""
AT_REST_S = 30.0
PATIENT = {"timeout": "4s", "connect_timeout": "4s"}
"""Of the state, longer than by default: a busy machine is none of the troubles here."""
FIELDS = "id, request_id, requests, cost, unsettled, attempts"
ANSWER_S = 0.08
"""How long the provider takes: calls are under way whenever something is killed."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a row of the ledger says."""

    id: str
    request_id: str
    requests: int
    cost: int
    unsettled: bool
    attempts: int


@dataclass
class Compared:
    """What the upstream got beside what the ledger has, of one model."""

    upstream: list[str]
    written: list[Written]
    lost: set[str] = field(init=False)
    """Calls that the upstream got, and that the ledger does not have."""
    never_sent: set[str] = field(init=False)
    """Reservations that were charged, of calls that had not got to the upstream yet."""

    def __post_init__(self) -> None:
        named = {row.request_id for row in self.written}
        self.lost = set(self.upstream) - named
        self.never_sent = named - set(self.upstream)

    @property
    def count(self) -> int:
        """How many calls the ledger has."""
        return sum(row.requests for row in self.written)

    @property
    def spent(self) -> int:
        """What the ledger has of cost, nano-USD."""
        return sum(row.cost for row in self.written)

    @property
    def swept(self) -> set[str]:
        """Calls whose reservation stands for them."""
        return {row.request_id for row in self.written if row.unsettled}


class LedgerSite(Site):
    """A site whose replicas call models: `a`, `b`, … of hard budgets, `soft`, `free` of none."""

    def __init__(
        self,
        world: World,
        state_url: str | None = None,
        *,
        allow: str = "1000/month",
        waiting: int = 100_000,
        thresholds: Sequence[int] = (80, 100),
        **more: Any,
    ) -> None:
        self._allow = allow
        self._waiting = waiting
        self._thresholds = list(thresholds)
        self._more = more
        self.vendor = world.stack.enter_context(in_thread(ScriptedProvider()))
        for name in (*"abcdef", "soft", "free"):
            self.vendor.play(name, slow(ANSWER_S))
        self._ids = count(1)
        url = state_url or world.valkey.url
        folder = world.folder / f"ledger-{self.vendor.upstream.port}"
        super().__init__(folder, world.server, url, self.vendor.url, world.secrets)
        world.stack.callback(self.kill)

    def configuration(self, **more: Any) -> dict[str, Any]:
        """Write what replicas are given."""
        models = {
            name: {
                "attempts": 1,
                "deployments": [{"provider": "a", "model": name, "price": PRICE}],
            }
            for name in (*"abcdef", "soft", "free")
        }
        budget = {"allow": [self._allow], "by": "model", "reserve": "0.01", "name": "b",
                  "alerts": self._thresholds}  # fmt: skip
        routes = {
            "hard": {"match": {"host": "hard.example", "path": "/**"}, "ai": {},
                     "policies": [{"budget": budget}]},
            "soft": {"match": {"host": "soft.example", "path": "/**"}, "ai": {},
                     "policies": [{"budget": {**budget, "kind": "soft"}}]},
            "free": {"match": {"host": "free.example", "path": "/**"}, "ai": {}},
        }  # fmt: skip
        written = super().configuration(**more)
        del written["services"]
        written["state"] = {**written["state"], **PATIENT}
        return {
            **written,
            "providers": {"a": provider(self.vendor.url)},
            "models": models,
            "routes": routes,
            "ledger": {"reservation": f"{RESERVATION_S}s", "waiting": self._waiting},
            **self._more,
        }

    def load(self, model: str = "a") -> CallLoad:
        """Return clients of a model."""
        host = model if model in {"soft", "free"} else "hard"
        return CallLoad(model, f"{host}.example", self._ids)

    # --- what is there ----------

    def compare(self, model: str) -> Compared:
        """Compare the upstream and the ledger."""
        said = [call.content["messages"][0]["content"] for call in self.vendor.of(model)]
        where = f"SELECT {FIELDS} FROM ledger WHERE model = '{model}'"
        rows = [
            Written(row[0], row[1], int(row[2]), int(row[3] or 0), row[4] == "t", int(row[5]))
            for row in self.server.execute(where, self.database)
        ]
        return Compared(said, rows)

    def at_rest(self, *clients: redis.Redis) -> None:
        """Wait until nothing is reserved and no line waits in the state."""
        for client in clients:
            eventually(
                lambda client=client: empty(client),
                "nothing is reserved, and no line waits",
                within_s=AT_REST_S,
                every_s=0.05,
            )

    def reconcile(self, *, repair: bool = False) -> list[dict[str, Any]]:
        """Ask a replica whether counts of budgets are what the ledger says."""
        admin = next(each for each in self.replicas if each.running).admin
        answer = admin.ask("POST" if repair else "GET", "/budgets/reconciliation")
        assert answer.is_success, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


def empty(client: redis.Redis) -> bool:
    """Say whether nothing is reserved, and no line waits."""
    with suppress(redis.RedisError):
        return not any(
            client.hlen(name) if kind == b"hash" else client.xlen(name)
            for name in client.scan_iter("*{ledger}*", count=1000)
            if name.endswith((b"}open", b"}over", b"}overread", b"}lines"))
            for kind in [client.type(name)]
        )
    return False


def settled(report: Report, site: LedgerSite, model: str, load: CallLoad) -> Compared:
    """Note both counts; nothing may be twice, and what was answered is known to the upstream."""
    found = site.compare(model)
    report.note(f"{model}: calls that the upstream got", len(found.upstream))
    report.note(f"{model}: calls in the ledger", found.count)
    report.note(f"{model}: of them charged by their reservation", len(found.swept))
    report.note(f"{model}: of them reserved, and never sent", len(found.never_sent))
    ids = [row.id for row in found.written]
    names = [row.request_id for row in found.written if row.request_id]
    report.must(len(ids) == len(set(ids)), "entries are there twice")
    report.must(len(names) == len(set(names)), "a call is there twice")
    report.must(len(found.upstream) == len(set(found.upstream)), "a call was sent twice")
    report.must(set(load.ids(200)) <= set(found.upstream), "answers that nobody gave")
    strange = found.never_sent - found.swept - {""}
    report.must(not strange, f"lines of what was never sent: {sorted(strange)[:5]}")
    wrong = {row.cost for row in found.written} - {COST * row.requests for row in found.written}
    report.must(not wrong, f"lines with other costs: {wrong}")
    return found


def nothing_lost(report: Report, site: LedgerSite, model: str, load: CallLoad) -> Compared:
    """Compare, and have no difference."""
    found = settled(report, site, model, load)
    report.note(f"{model}: difference (what the upstream got and the ledger has not)",
                len(found.lost))  # fmt: skip
    report.must(not found.lost, f"{model}: lost {sorted(found.lost)[:5]}")
    equal(report, site)
    return found


def equal(report: Report, site: LedgerSite) -> None:
    """Have the counts of all budgets be what the ledger says."""
    found = site.reconcile()
    wrong = [each for each in found if each["verdict"] != "equal"]
    report.note("budgets whose counts are what the ledger says",
                f"{len(found) - len(wrong)} of {len(found)}")  # fmt: skip
    report.must(found, "there are no budgets")
    report.must(not wrong, f"counts differ from the ledger: {json.dumps(wrong)[:400]}")


def repaired(report: Report, site: LedgerSite) -> None:
    """Put right what the state has forgotten, and have the counts be what the ledger says."""
    found = site.reconcile(repair=True)
    wrong = [each for each in found if each["verdict"] == "repaired"]
    calls = [-each["difference_nano_usd"] // COST for each in wrong]
    report.note("budgets repaired by the reconciliation; calls that they lacked",
                f"{len(wrong)} of {len(found)}; {sum(calls)}")  # fmt: skip
    equal(report, site)


def workers_of(replica: Replica) -> Sequence[int]:
    """Return the worker processes of a replica."""
    return [
        pid
        for pid in replica.gateway.workers()
        if b"sluicegate.process.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
