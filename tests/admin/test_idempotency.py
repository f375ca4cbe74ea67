from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from litestar import Controller, Request, post
from litestar.params import FromQuery

from sluicegate.admin.idempotency import without_secrets
from sluicegate.errors import CONFLICT, Refused, StoreAway
from sluicegate.model.key import new_key
from support.admin_frame import Asker, capture_logs, frame


class Counter(Controller):
    """Does what can be told apart from doing it again."""

    path = "/count"
    done: list[bytes] = []
    gate: list[asyncio.Event] = []
    begun: list[asyncio.Event] = []

    @post()
    async def count(
        self, request: Request[Any, Any, Any], *, again: FromQuery[bool] = False
    ) -> dict[str, Any]:
        body = await request.body() + str(again).encode()
        self.done.append(body)
        if self.gate:
            self.begun[0].set()
            await self.gate[0].wait()
        if b"refuse" in body:
            raise Refused(CONFLICT)
        return {"times": len(self.done), "key": new_key("local")}


def counter() -> type[Counter]:
    return type("Counted", (Counter,), {"done": [], "gate": [], "begun": []})


async def count(
    api: Asker, key: str | None, body: dict[str, Any] | None = None, **more: Any
) -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    return await api.post("/count", json=body or {"a": 1}, headers=headers, **more)


def test_the_same_request_is_done_once_and_answered_again(tmp_path: Path) -> None:
    async def work() -> None:
        made = counter()
        async with frame(tmp_path, [made]) as api:
            first, again = await count(api, "k"), await count(api, "k")
            assert (first.status_code, again.status_code) == (201, 201)
            assert first.json()["key"].startswith("sg_local_")
            assert again.json() == {"times": 1, "key": None}
            assert again.headers["idempotent-replayed"] == "true"
            assert again.headers["content-type"] == first.headers["content-type"]
            assert "idempotent-replayed" not in first.headers
            assert len(made.done) == 1

    asyncio.run(work())


def test_another_request_with_the_same_key_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [counter()]) as api:
            await count(api, "k")
            assert (await count(api, "k", {"a": 2})).status_code == 422
            answer = await api.post(
                "/count?again=true", json={"a": 1}, headers={"idempotency-key": "k"}
            )
            assert "another request" in answer.json()["detail"]

    asyncio.run(work())


def test_a_key_is_its_callers_own(tmp_path: Path) -> None:
    async def work() -> None:
        made = counter()
        async with frame(tmp_path, [made]) as api:
            await count(api, "k")
            other = await count(api, "k", token=await api.token("admin"))
            assert (other.json()["times"], len(made.done)) == (2, 2)

    asyncio.run(work())


def test_while_the_first_is_under_way_the_second_has_to_wait(tmp_path: Path) -> None:
    async def work() -> None:
        made = counter()
        made.gate.append(asyncio.Event())
        made.begun.append(asyncio.Event())
        async with frame(tmp_path, [made]) as api:
            first = asyncio.ensure_future(count(api, "k"))
            await made.begun[0].wait()
            assert (await count(api, "k")).status_code == 409
            made.gate[0].set()
            assert (await first).status_code == 201
            assert (await count(api, "k")).headers["idempotent-replayed"] == "true"

    asyncio.run(work())


def test_what_was_refused_may_be_tried_again(tmp_path: Path) -> None:
    async def work() -> None:
        made = counter()
        async with frame(tmp_path, [made]) as api:
            assert (await count(api, "k", {"do": "refuse"})).status_code == 409
            assert (await count(api, "k", {"do": "this"})).status_code == 201

    asyncio.run(work())


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(tmp_path: Path) -> None:
    async def away(*_: object) -> None:
        raise StoreAway("gone")

    async def work() -> None:
        made = counter()
        async with frame(tmp_path, [made]) as api:
            api.desk.store.remember = away
            with capture_logs() as logs:
                assert (await count(api, "k")).status_code == 201
            assert [entry["event"] for entry in logs] == ["an answer was not kept"]

    asyncio.run(work())


@pytest.mark.parametrize("key", ["", " ", "a b", "\u00e9", "x" * 256])
def test_what_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    async def work() -> None:
        async with frame(tmp_path, [counter()]) as api:
            headers = {"idempotency-key": key.encode("latin-1")}
            answer = await api.post("/count", json={}, headers=headers)
            assert answer.status_code == 400

    asyncio.run(work())


def test_quotes_around_a_key_are_not_part_of_it(tmp_path: Path) -> None:
    async def work() -> None:
        made = counter()
        async with frame(tmp_path, [made]) as api:
            await count(api, '"k"')
            await count(api, "k")
            assert len(made.done) == 1

    asyncio.run(work())


def test_no_secret_is_kept_wherever_it_is() -> None:
    key = new_key("north-1", prefix="sga").encode()
    assert without_secrets(b'{"name":"n","token":"%b"}' % key) == b'{"name":"n","token":null}'
    assert without_secrets(b'{"made":["%b"]}' % key) is None
    assert without_secrets(b"") == b""
