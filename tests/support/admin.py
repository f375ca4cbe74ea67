"""The admin API with everything behind it but the gateway: a real store, vault and fusion.

async with api(tmp_path, file="routes: …") as ask:
    answer = await ask.put("/routes/users", json={"match": {"path": "/users"}})
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import yaml

from sluicegate.admin.app import Frame, build
from sluicegate.admin.control import Considered
from sluicegate.admin.controllers import controllers
from sluicegate.admin.segments import decoded
from sluicegate.errors import Fault
from sluicegate.metrics import Metrics
from sluicegate.process.fitting import Fit
from sluicegate.settings import Settings
from sluicegate.snapshot.fusion import Fused, Fusion
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.snapshot.stored import KINDS
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.memory_ledger import MemoryLedger
from sluicegate.store.contract import CONFIGURATION, Change, Store
from sluicegate.store.migrate import migrate
from sluicegate.store.open import open_store
from sluicegate.store.vault import Vault
from support.admin_frame import FIRST, Asker
from support.configuration import load_text
from support.mock_clock import MockClock

MASTER = {"main": b"m" * 32}
PEPPER = "p" * 32
PATCH = {"content-type": "application/merge-patch+json"}


def _fit(fused: Fused) -> Fit:
    return Fit(fused, fused.faults, fused.left_out)


class Desk:
    """A control that looks at the store anew each time; no gateway runs what it finds."""

    def __init__(self, store: Store, vault: Vault, file: str = "") -> None:
        self.store = store
        self.vault = vault
        self.region = "local"
        self.peppers = {"main": PEPPER}
        self.announced = 0
        self.ledger: Any = None
        self.budget_terms: dict[str, Any] = {}
        self.unfit: dict[tuple[str, str], str] = {}
        self.before_write: Callable[[], Awaitable[None]] | None = None
        self._fusion = Fusion(PolicyCatalog(()))
        self._file = load_text(f"{file}\npeppers: {{main: {PEPPER}}}\n").resources
        self._declared: dict[str, Any] = yaml.safe_load(file) or {}

    def budgets(self) -> Mapping[str, Any]:
        """Return what a test says runs."""
        return self.budget_terms

    def declared(self, kind: str) -> Mapping[str, Any]:
        """Return what the file declares, as written."""
        section = next((each for each, of in KINDS.items() if of == kind), None)
        held = self._declared.get(section) if section else None
        if kind == "policies":
            return {} if held is None else {"": held}
        return held or {}

    def left_out(self, kind: str, name: str) -> str | None:
        """Return what a test says of it."""
        return self.unfit.get((kind, name))

    def parse_spec(self, kind: str, spec: object, name: str = "") -> bytes | list[Fault]:
        """Return the canonical JSON of a resource, or its faults."""
        return self._fusion.parse_spec(cast("Any", kind), spec, name)

    async def consider(self, changes: Sequence[Change]) -> Considered:
        """Fuse before and after, and compare."""
        newest = await self.store.current(sorted(CONFIGURATION))
        held: dict[Any, bytes] = {(r.kind, r.name): r.content or b"" for r in newest.revisions}
        after: dict[Any, bytes | None] = dict(held)
        after |= {(c.kind, c.name): c.content for c in changes if c.kind in CONFIGURATION}
        living = {item: content for item, content in after.items() if content is not None}
        ran, runs = await self._fused(held), await self._fused(living)
        changed = {cast("Any", (c.kind, c.name)) for c in changes}
        faults = _fit(runs).brought_since(_fit(ran), changed)
        for change in changes:
            if change.content is not None:
                faults += self._looked_up(runs, change, msgspec.json.decode(change.content))
        if self.before_write is not None:
            meanwhile, self.before_write = self.before_write, None
            await meanwhile()
        return Considered(faults, newest.last)

    async def written(self) -> None:
        """Count."""
        self.announced += 1

    async def _fused(self, contents: Mapping[Any, bytes]) -> Fused:
        secrets = {
            name: await self.vault.open(name, content)
            for (kind, name), content in contents.items()
            if kind == "secret"
        }
        return self._fusion.fuse(self._file, contents, secrets.__getitem__)

    def _looked_up(self, fused: Fused, change: Change, spec: Any) -> list[Fault]:
        if change.kind == "consumer":
            return self._fusion.check_consumer(fused, change.name, spec)
        if change.kind == "key":
            return self._fusion.check_key(fused, spec, change.name)
        return []


class Asking(Asker):
    """Asks the API of resources."""

    desk: Desk  # type: ignore[assignment]  # one with more behind it

    async def put(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("PUT", path, **more)

    async def patch(self, path: str, patch: Any, etag: str | None = None, **more: Any
                    ) -> httpx.Response:  # fmt: skip
        headers = {
            **PATCH,
            **({} if etag is None else {"if-match": etag}),
            **more.pop("headers", {}),
        }
        content = msgspec.json.encode(patch)
        return await self.ask("PATCH", path, content=content, headers=headers, **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("DELETE", path, **more)

    async def made(self, path: str, spec: Any, **more: Any) -> str:
        """Create or replace a resource; return its entity tag."""
        answer = await self.put(path, json=spec, **more)
        assert answer.status_code in {200, 201}, answer.text
        return str(answer.headers["etag"])

    async def key(self, consumer: str, **more: Any) -> dict[str, Any]:
        """Make a key; return the answer's body."""
        answer = await self.post("/keys", json={"consumer": consumer, **more})
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body


@asynccontextmanager
async def api(
    folder: Path, file: str = "", settings: Settings | None = None
) -> AsyncIterator[Asking]:
    """Open a store, SQLite in `folder` unless `settings` say another, and build the API on it."""
    settings = settings or Settings(data_dir=str(folder))
    await migrate(settings)
    clock, metrics = MockClock(), Metrics()
    token = folder / "first.token"
    token.write_text(FIRST + "\n")
    token.chmod(0o600)
    store = open_store(settings, clock, metrics)
    await store.start()
    try:
        desk = Desk(store, Vault(store, MASTER, clock), file)
        desk.ledger = LedgerInMemory(MemoryLedger(clock), clock)
        app = build(desk, controllers(), Frame(clock, metrics, token, plain=False))

        async def bridged(scope: Any, receive: Any, send: Any) -> None:
            path = decoded(scope["raw_path"].decode("ascii"))  # as the bridge does
            await app({**scope, "path": path}, receive, send)

        transport = httpx.ASGITransport(bridged, client=("127.0.0.1", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield Asking(app, desk, clock, http)  # type: ignore[arg-type]
    finally:
        await store.close()


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and kind of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, str(answer.json()["type"]).rpartition(":")[2]


def faults(answer: httpx.Response) -> dict[str, str]:
    """Return messages by path of a refusal of what was sent."""
    assert answer.status_code == 422, answer.text
    return {each["path"]: each["message"] for each in answer.json()["errors"]}
