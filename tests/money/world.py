"""The processes of a scenario: PostgreSQL, Valkey, a scripted provider, and replicas before it.

Every play of a scenario is a `Run`: a consumer and a model of its own, so that its budget begins
with nothing and the provider's calls are told apart.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import redis

from money.flow import Flow
from outages.replica import Replica
from outages.world import Secrets
from support.loops import LoopThread
from support.model_front import KINDS, provider, request
from support.ports import eventually
from support.postgres import USERNAME, Postgres
from support.scripted_provider import ScriptedProvider
from support.valkey import PATIENT, Valkey

NANO = 10**9
CENT = 10_000_000
"""A hundredth of a dollar, in nano-USD."""
CALLS = 50
"""What every budget is for, in calls that cost what is reserved for them."""
WORDS = 9
"""Tokens of output, of an answer that says the text of the goldens."""
TOKENS_COST = 900_000
"""Of such an answer where a million of them is 100 dollars, and what is read costs nothing."""
PRICES: dict[str, dict[str, Any]] = {
    "call": {"input": 0, "output": 0, "call": "0.01"},
    "tokens": {"input": 0, "output": 100},
    "dearer": {"input": 0, "output": 0, "call": "0.03"},
}
"""Of the models, by the first part of their names."""
UNTAUGHT = "untaught-"
"""Models whose names begin so are never called to the end: nobody learns how long tokens are."""
EVERY_PRICE = {
    "input": 3, "output": 15, "cached": "0.3", "cache_write": "3.75", "cache_write_1h": 6,
    "reasoning": 20,
}  # fmt: skip
"""Of the models whose names begin with a provider's dialect: every sort has its own."""
BUDGETS: dict[str, dict[str, Any]] = {
    "call": {"allow": ["0.5/month"]},
    "tokens": {"allow": ["0.045/month"]},
    "dearer": {"allow": ["0.5/month"], "reserve": "0.01"},
    "plenty": {"allow": ["1000/month"], "kind": "soft"},
}
"""Of the plans, by name."""


@dataclass(frozen=True)
class Crew:
    """The workers of each replica, and how many consumers there are on which plan."""

    workers: tuple[int, ...]
    consumers: Mapping[str, int]


@dataclass(frozen=True)
class Run:
    """One play: who calls, and which model; the provider knows it as `model` too."""

    consumer: str
    key: str
    sort: str
    model: str

    def call(self, caller: str = "chat", *, stream: bool = False, **members: Any) -> bytes:
        """Write a call; what is answered ends the connection."""
        headers = (f"X-API-Key: {self.key}", "Connection: close")
        return request(caller, f"{self.sort}/{self.model}", *headers, stream=stream, **members)


class World:
    """What a scenario acts on."""

    def __init__(
        self, folder: Path, stack: ExitStack, server: Postgres, consumers: Mapping[str, int]
    ) -> None:
        self.folder = folder
        self.server = server
        self.database = server.database().rpartition("/")[2]
        self.valkey = stack.enter_context(Valkey(folder))
        self.client: redis.Redis = self.valkey.client()
        self.replicas: list[Replica] = []
        self.thread = LoopThread()
        stack.callback(self.thread.close)
        self.provider = ScriptedProvider()
        self.thread.call(self.provider.start())
        stack.callback(lambda: self.thread.call(self.provider.stop()))
        self._secrets = Secrets()
        self._token = folder / "admin.token"
        self._token.write_text(self._secrets.token + "\n")
        self._token.chmod(0o600)
        self._consumers = consumers
        self._numbers = {plan: count() for plan in consumers}
        stack.callback(self._kill)

    def add(self, *workers: int) -> None:
        """Start replicas with so many workers, and wait until they serve."""
        fresh = []
        for crew in workers:
            folder = self.folder / f"replica-{len(self.replicas)}"
            replica = Replica(folder, self.configuration(), crew, self._secrets.token)
            replica.start(**self._secrets.environ)
            self.replicas.append(replica)
            fresh.append(replica)
        for replica in fresh:
            replica.wait()

    @property
    def ports(self) -> list[int]:
        """Where the replicas are called."""
        return [replica.port for replica in self.replicas]

    def configuration(self) -> dict[str, Any]:
        """Return what replicas are given as their file."""
        url = self.server.url_of(self.database)
        return {
            "admin": {"token_file": str(self._token)},
            "store": {"url": url, "username": USERNAME, "master_keys": {"main": "${env:MASTER}"}},
            "state": {"url": self.valkey.url, **PATIENT},
            "peppers": {"main": "${env:PEPPER}"},
            "policies": [{"metrics": {}}],
            "providers": {
                "money": provider(self.provider.url),
                "old": provider(self.provider.url, dialects=["openai_completions"]),
                **{name: provider(self.provider.url, name) for name in KINDS},
            },
            "models": self._models(),
            "plans": self._plans(),
            "consumers": {
                f"{plan}-{number}": {"plan": plan, "keys": [{"value": key_of(plan, number)}]}
                for plan, many in self._consumers.items()
                for number in range(many)
            },
            "routes": {"ai": {"match": {"path": "/**"}, "ai": {}, "policies": [{"api_key": {}}]}},
        }

    def _models(self) -> dict[str, Any]:
        priced = {sort: ("money", price) for sort, price in PRICES.items()}
        priced |= {name: (name, EVERY_PRICE) for name in (*KINDS, "old")}
        priced |= {UNTAUGHT + name: (name, EVERY_PRICE) for name in KINDS}
        return {
            f"{sort}/*": {
                "deployments": [{"provider": name, "model": "*", "price": price}],
                "attempts": 1,
                "cooldown": {"failures": 1000},
            }
            for sort, (name, price) in priced.items()
        }

    def _plans(self) -> dict[str, Any]:
        plans = {name: {"policies": [{"budget": each}]} for name, each in BUDGETS.items()}
        plenty = {"budget": BUDGETS["plenty"]}
        plans["kept"] = {"policies": [plenty, {"exact": {"ttl": "60s"}}]}
        plans["joined"] = {"policies": [plenty, {"single_flight": {}}]}
        return plans

    def run(self, plan: str, sort: str = "", model: str = "") -> Run:
        """Return the next play on a plan; the model is its own unless it is named."""
        number = next(self._numbers[plan])
        assert number < self._consumers[plan], f"there are not that many on {plan}"
        sort, model = sort or plan, model or f"{plan}-{number}"
        return Run(f"{plan}-{number}", key_of(plan, number), sort, model)

    def play(self, run: Run, scenario: str = "text", *, held: bool = False) -> Flow:
        """Have the provider answer a run, once the flow is let go where it is `held`."""
        flow = Flow(self.thread, scenario, held=held)
        self.provider.play(run.model, flow.play)
        return flow

    def asked(self, run: Run) -> int:
        """Return how often the provider was asked."""
        return len(self.provider.of(run.model))

    def entries(self, run: Run) -> list[dict[str, Any]]:
        """Return the ledger's entries of a run that the store has."""
        path = f"/usage/entries?limit=1000&consumer={run.consumer}"
        found: list[dict[str, Any]] = self.replicas[0].admin.get(path)["items"]
        return found

    def charged(self, run: Run) -> list[int]:
        """Return what calls of a run cost, of those that cost something."""
        return [each["cost_nano_usd"] for each in self.entries(run) if each["cost_nano_usd"]]

    def counted(self, run: Run) -> tuple[int, int]:
        """Return what a run's budget has counted: spent and held, nano-USD."""
        found = self.replicas[-1].admin.get(f"/budgets?consumer={run.consumer}")["items"]
        return (
            sum(each["spent_nano_usd"] for each in found),
            sum(each["held_nano_usd"] for each in found),
        )

    def settled(self) -> None:
        """Wait until nothing is reserved, and no line waits for the store."""
        eventually(lambda: self.unsettled() == (0, 0), "all is settled and moved")

    def unsettled(self, *, flush: bool = False) -> tuple[int, int]:
        """Return reservations and lines that are in the state; `flush`: and empty it with that."""
        pipe = self.client.pipeline(transaction=True)
        # By name: what is looked for first may be there only after that.
        pipe.hlen("sg:{ledger}open")
        pipe.xlen("sg:{ledger}lines")
        if flush:
            pipe.flushall()
        found = pipe.execute()
        return found[0], found[1]

    def reconcile(self) -> subprocess.CompletedProcess[str]:
        """Run `sluicegate reconcile`."""
        url = f"http://127.0.0.1:{self.replicas[0].gateway.management}"
        asked = ("reconcile", "--all", "--url", url, "--token-file", str(self._token))
        command = [sys.executable, "-m", "sluicegate", *asked]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=40)

    def stop(self) -> None:
        """End replicas as an operator does; raises AssertionError when that goes wrong."""
        for replica in self.replicas:
            replica.stop()

    def _kill(self) -> None:
        for replica in self.replicas:
            replica.kill()


def key_of(plan: str, number: int) -> str:
    """Return the key of a consumer."""
    return f"the-key-of-{plan}-{number:04}"


def dollars(nano: int) -> str:
    """Show an amount."""
    return f"{nano / NANO:.9f}".rstrip("0").rstrip(".")


@contextmanager
def world(folder: Path, crew: Crew, server: Postgres | None = None) -> Iterator[World]:
    """Run replicas, and all that they need."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        server_ = server or stack.enter_context(Postgres(folder))
        made = World(folder, stack, server_, crew.consumers)
        made.add(*crew.workers)
        yield made
        made.stop()
    if server is not None:
        server.drop(made.database)
