"""Three replicas with one state and one store, and traffic that moves every metric they have.

    with observed(tmp_path, postgres) as at:
        at.trouble()                 # what goes wrong now and then, so that it is counted
        at.turn()                    # one round of everyday traffic at every replica
        with at.held(): ...          # a service is full
        at.replicas[0].management    # where each of them is scraped

Targets, the models' provider, the webhook of alerts and the receiver of spans are servers of the
test's own. Clients speak TLS, as they do inside a cluster.
"""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from itertools import count
from operator import gt
from pathlib import Path
from typing import Any

import httpx

from sluicegate.model.key import new_key
from sluicegate.upstream.hedge import ENOUGH
from support.certificates import Authority
from support.collector import collector
from support.gateway import Gateway, start
from support.loops import in_thread
from support.observed_configuration import ANN, BOB, Around, written
from support.ports import asked_until, eventually
from support.postgres import Postgres
from support.scripted_provider import ScriptedProvider, answer, cut, golden
from support.upstreams import Talk, Upstream, response
from support.valkey import Valkey

CHAT = "/v1/chat/completions"
SLOW_S = 0.2
NEVER_S = 30


class Shop:
    """A target that does what its path says, until it is told to fail at all but its checks."""

    def __init__(self) -> None:
        self.failing = False
        self.going_on = threading.Event()
        self.upstream = Upstream(self._script)

    async def _script(self, talk: Talk) -> None:
        while True:
            path = (await talk.request()).target.decode()
            if "held" in path:
                await asyncio.to_thread(self.going_on.wait, NEVER_S)
            if "slow" in path:
                await asyncio.sleep(SLOW_S)
            fails = (self.failing and path != "/health") or "fail" in path
            said = {"Content-Type": "application/json", "Cache-Control": "max-age=60"}
            await talk.send(response(503 if fails else 200, said, b'{"a": 1}', "Whatever"))


class Observed:
    """What a test acts on."""

    def __init__(self, folder: Path, postgres: Postgres, stack: ExitStack) -> None:
        self.shops = [Shop(), Shop()]
        for shop in self.shops:
            stack.enter_context(in_thread(shop.upstream))
        self.valkey = stack.enter_context(Valkey(folder))
        self.vendor = stack.enter_context(in_thread(ScriptedProvider()))
        first, second = (shop.upstream.url for shop in self.shops)
        store = postgres.database()
        stack.callback(postgres.drop, store.rpartition("/")[2])
        authority = Authority(folder)
        self._numbers = count(1)
        self._token = new_key("local", prefix="sga")
        self._around = Around(
            shops=(first, second),
            vendor=self.vendor.url,
            spans=stack.enter_context(collector()).url,
            state=self.valkey.url,
            store=store,
            pair=authority.issue(("localhost",)),
            token_file=folder / "admin.token",
        )
        self._around.token_file.write_text(self._token + "\n")
        self._around.token_file.chmod(0o600)
        self._threads = stack.enter_context(ThreadPoolExecutor(16))
        self._client = stack.enter_context(
            httpx.Client(verify=authority.client_context(), timeout=NEVER_S, trust_env=False)
        )
        self.replicas: list[Gateway] = []
        self._start(folder, stack.enter_context(Valkey(folder / "cache")), stack)

    def _start(self, folder: Path, cache: Valkey, stack: ExitStack) -> None:
        """Start the replicas: a plain one, one of two workers, one with a cache elsewhere."""
        environ = {
            "PEPPER": secrets.token_hex(32),
            "MASTER": base64.b64encode(secrets.token_bytes(32)).decode(),
            "SLUICEGATE_STORE_URL": self._around.store,
        }
        different: list[dict[str, str]] = [
            {},
            {"SLUICEGATE_GATEWAY_WORKERS": "2"},
            {"SLUICEGATE_CACHE_URL": cache.url},
        ]
        text = written(self._around)
        for number, more in enumerate(different):
            made = start(folder / f"replica-{number}", text, **environ, **more)
            stack.callback(_kill, made)
            self.replicas.append(made)
        for replica in self.replicas:
            why = f"a replica is ready, see {replica.err}"
            eventually(replica.healthy, why, within_s=40, every_s=0.05)

    def stop(self) -> None:
        """End the replicas as an operator does; raises AssertionError where that goes wrong."""
        for replica in self.replicas:
            replica.process.terminate()
        for replica in self.replicas:
            status = replica.process.wait(20)
            said = replica.err.read_text()
            assert status == 0, said
            assert "Traceback" not in said, said

    # --- traffic ---------------------------------------------------------------------------------

    def turn(self) -> None:
        """Ask every replica for a little of everything."""
        asked: list[Future[Any]] = []
        for replica in self.replicas:
            everyday = ("shop/a", "strict", "kept/a", "drill", "copied", "nowhere", "gone")
            asked += [self._later(replica, f"/{path}") for path in everyday]
            asked += [self._later(replica, f"/narrow/slow{n}") for n in range(4)]
            asked += [self._later(replica, "/search/slow"), self._later(replica, "/search/a")]
            asked += [self._later(replica, "/own", key) for key in (BOB, "nobody's")]
            asked += [
                self._threads.submit(self._call, replica, ANN, model, self._new(), stream=stream)
                for model in ("small", "moody")
                for stream in (False, True)
            ]
            asked += [
                self._threads.submit(self._call, replica, BOB, "small", "again") for _ in range(2)
            ]
        for each in asked:
            each.result()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep a service full for as long as the block lasts: one request there, one waiting."""
        shop = self.shops[0]
        shop.going_on.clear()
        asked = [self._later(each, f"/narrow/held{n}") for each in self.replicas for n in (1, 2)]
        try:
            yield
        finally:
            shop.going_on.set()
        for each in asked:
            each.result()

    def trouble(self) -> None:
        """Let go wrong, one after another, what a gateway has to count."""
        self.vendor.play("moody", answer(429, b"{}", {"Retry-After": "1"}), golden("text"))
        self.vendor.play("scenario-text", cut(), golden("text"))
        self._call(self.replicas[0], ANN, "small", self._new(), stream=True)
        self._call(self.replicas[0], ANN, "moody", self._new())
        self._administer()
        self._break_the_file()
        self._lose_a_worker()
        self._call(self.replicas[0], BOB, "vouched", self._new())
        for number in range(2 * ENOUGH):
            slow = number >= ENOUGH and not number % 5
            self._ask(self.replicas[0], "/search/slow" if slow else "/search/a")
        self._lose_a_target()
        self._lose_the_state()

    def _lose_a_target(self) -> None:
        """Let one fail for as long as it takes until every replica has left it out.

        For one cause only, whatever a replica had asked of it: what comes first would be chance.
        """
        self.shops[1].failing = True
        for replica in self.replicas:
            left_out = _grown(replica, "sluicegate_target_out_total")
            asked_until(
                partial(self._ask, replica, "/shop/a"),
                lambda _, left_out=left_out: left_out(),
                "a target that fails is left out",
            )
        self.shops[1].failing = False
        eventually(self._all_in, "who was left out is back", every_s=0.1)

    def _lose_the_state(self) -> None:
        """Stop the state for as long as it takes until limits and the ledger have noticed."""
        first = self.replicas[0]
        away = _grown(first, "sluicegate_ledger_retried_total", "sluicegate_limit_degraded_total")
        self.valkey.pause()
        try:
            for each in [self._later(replica, "/shop/a") for replica in self.replicas]:
                each.result()
            self._call(first, ANN, "small", self._new())
            eventually(
                away, "limits and the ledger have noticed that the state is away", every_s=0.1
            )
        finally:
            self.valkey.resume()

    def _all_in(self) -> bool:
        """Send a request, which may be a trial; say whether the shop has all of its targets.

        By the first replica: it has one worker. One of several that nobody asks tries nothing.
        """
        self._ask(self.replicas[0], "/shop/a")
        breakers = 'sluicegate_breaker_state{service="shop"'
        seen = self.replicas[0].metrics()
        return not any(value for name, value in seen.items() if name.startswith(breakers))

    def _administer(self) -> None:
        """Store a consumer and a key of hers by one replica, and show the key to all."""
        where = f"http://127.0.0.1:{self.replicas[0].management}/admin/v1"
        headers = {"authorization": f"Bearer {self._token}"}
        with httpx.Client(headers=headers, timeout=20, trust_env=False) as admin:
            name = f"eve-{next(self._numbers)}"
            admin.put(f"{where}/consumers/{name}", json={}).raise_for_status()
            key = admin.post(f"{where}/keys", json={"consumer": name}).raise_for_status().json()
            admin.get(f"{where}/whoami", headers={"authorization": "Bearer wrong"})
        for replica in self.replicas:
            eventually(
                lambda at=replica: self._ask(at, "/own", key["key"]).status_code == 200,
                "the stored key is known",
                within_s=30,
            )

    def _break_the_file(self) -> None:
        """Give a replica a file that it refuses, and then the good one again."""
        first = self.replicas[0]
        good = first.file.read_text()
        for text, outcome in (("routes: 1", "failure"), (good, "success")):
            before = first.metrics()
            first.write(text)
            first.reload()
            name = f'sluicegate_config_reloads_total{{outcome="{outcome}"}}'
            eventually(
                lambda name=name, before=before: first.metrics()[name] > before[name],
                f"a {outcome} of a reload",
                within_s=30,
            )

    def _lose_a_worker(self) -> None:
        """Kill a worker of the replica that has two, and wait for its successor."""
        crew = self.replicas[1]
        lost = 'sluicegate_worker_restarts_total{cause="crashed"}'
        before = crew.metrics()[lost]
        workers = crew.health()["workers"]
        os.kill(workers[0]["pid"], signal.SIGKILL)
        eventually(lambda: crew.metrics()[lost] > before, "a worker was replaced")

        def whole() -> bool:
            now = crew.health()["workers"]
            return all(each["phase"] == "ready" for each in now)

        eventually(whole, "both workers serve again")

    def _later(self, replica: Gateway, path: str, key: str | None = None) -> Future[Any]:
        return self._threads.submit(self._ask, replica, path, key)

    def _ask(self, replica: Gateway, path: str, key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"x-api-key": key}
        return self._client.get(f"https://localhost:{replica.port}{path}", headers=headers)

    def _new(self) -> str:
        """Return what nobody has said yet, so that no answer to it is kept."""
        return f"This is number {next(self._numbers)}."

    def _call(
        self, replica: Gateway, key: str, model: str, said: str, *, stream: bool = False
    ) -> None:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": said}]}
        url = f"https://localhost:{replica.port}{CHAT}"
        self._client.post(url, json=body, headers={"x-api-key": key})


def _grown(replica: Gateway, *names: str) -> Callable[[], bool]:
    """Return what says whether `replica` has counted more of all of them since this call."""

    def sums() -> list[float]:
        seen = replica.metrics()
        return [sum(seen[each] for each in seen if each.startswith(name)) for name in names]

    before = sums()
    return lambda: all(map(gt, sums(), before))


def _kill(replica: Gateway) -> None:
    with suppress(ProcessLookupError):
        os.killpg(replica.process.pid, signal.SIGKILL)
    replica.process.wait(10)


@contextmanager
def observed(folder: Path, postgres: Postgres) -> Iterator[Observed]:
    """Run the replicas until the block ends."""
    with ExitStack() as stack:
        made = Observed(folder, postgres, stack)
        yield made
        made.stop()
