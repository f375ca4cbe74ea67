"""The admin API's frame for tests: a real store in SQLite, a first token, callers of every role.

async with frame(tmp_path, controllers) as api:
    answer = await api.get("/whoami", token=await api.token("viewer"))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import structlog

from sluicegate.admin.app import Api, Frame, build
from sluicegate.admin.control import Considered
from sluicegate.admin.tokens import PREFIX, StoredToken, hashed, token_name
from sluicegate.metrics import Metrics
from sluicegate.model.key import new_key
from sluicegate.settings import Settings
from sluicegate.store.contract import Author, Change
from sluicegate.store.migrate import migrate
from sluicegate.store.open import open_store
from support.mock_clock import MockClock

FIRST = "first-admin-token-" + "f" * 32
AUTHOR = Author("tests", "127.0.0.1", "create")


class Desk:
    """A control with a store and no gateway behind it."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.vault: Any = None
        self.region = "local"
        self.peppers: dict[str, str] = {"main": "p" * 32}
        self.files: dict[str, dict[str, Any]] = {}
        self.announced = 0
        self.ledger: Any = None
        self.budget_terms: dict[str, Any] = {}

    def budgets(self) -> Mapping[str, Any]:
        return self.budget_terms

    def declared(self, kind: str) -> Mapping[str, Any]:
        return self.files.get(kind, {})

    async def consider(self, changes: Sequence[Change]) -> Considered:  # noqa: ARG002 - the protocol
        return Considered([], (await self.store.current(())).last)

    async def written(self) -> None:
        self.announced += 1


class Asker:
    """Asks an API, and makes tokens for it."""

    def __init__(self, api: Api, desk: Desk, clock: MockClock, http: httpx.AsyncClient) -> None:
        self.api, self.desk, self.clock, self.http = api, desk, clock, http

    async def ask(
        self, method: str, path: str, token: str | None = FIRST, **more: Any
    ) -> httpx.Response:
        """Send a request below /admin/v1, or to a full path; `token` None sends none."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        url = path if path.startswith("/admin") else "/admin/v1" + path
        return await self.http.request(method, url, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.ask("POST", path, **more)

    async def token(self, role: Any, **spec: Any) -> str:
        """Store a token of that role and return it."""
        token = new_key("local", prefix=PREFIX)
        stored = StoredToken(role=role, hash=hashed(token, self.desk.peppers), **spec)
        name = token_name(token) or ""
        content = msgspec.json.encode(stored, order="sorted")
        change = Change("token", name, content, owner=stored.team)
        await self.desk.store.write([change], AUTHOR)
        return token


@asynccontextmanager
async def frame(
    folder: Path, controllers: Sequence[Any] = (), *, plain: bool = False, peer: str = "127.0.0.1"
) -> AsyncIterator[Asker]:
    """Open a store in `folder` and build the API; requests come from `peer`, over plain HTTP."""
    settings = Settings(data_dir=str(folder))
    await migrate(settings)
    clock, metrics = MockClock(), Metrics()
    file = folder / "first.token"
    file.write_text(FIRST + "\n")
    file.chmod(0o600)
    store = open_store(settings, clock, metrics)
    await store.start()
    try:
        desk = Desk(store)
        api = build(desk, controllers, Frame(clock, metrics, file, plain))
        transport = httpx.ASGITransport(api, client=(peer, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            yield Asker(api, desk, clock, http)
    finally:
        await store.close()


def audited(logs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return those of `structlog.testing.capture_logs` that are marked for the audit."""
    return [entry for entry in logs if entry.get("audit")]


capture_logs = structlog.testing.capture_logs
