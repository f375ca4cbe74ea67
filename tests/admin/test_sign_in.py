from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluicegate.admin.attempts import MOST, WINDOW_S
from sluicegate.admin.tokens import token_name
from sluicegate.model.key import new_key
from support.admin_frame import FIRST, Asker, audited, capture_logs, frame


def test_the_first_token_is_an_admin_without_asking_the_store(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            api.desk.store, store = None, api.desk.store
            answer = await api.get("/whoami", token=FIRST)
            assert answer.json() == {
                "name": "first-token",
                "role": "admin",
                "team": None,
                "via": "127.0.0.1",
            }
            api.desk.store = store

    asyncio.run(work())


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic Zm9v", FIRST, "Bearer " + "x" * 600, "Bearer \xe9\xe9"],
)
def test_without_a_token_one_is_told_what_is_expected(tmp_path: Path, header: str | None) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            headers = {} if header is None else {"authorization": header.encode("latin-1")}
            answer = await api.get("/whoami", token=None, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="sluicegate"'

    asyncio.run(work())


def test_two_tokens_are_none(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            both = [("authorization", f"Bearer {FIRST}"), ("authorization", f"Bearer {FIRST}")]
            answer = await api.http.get("/admin/v1/whoami", headers=both)
            assert answer.status_code == 401

    asyncio.run(work())


def test_a_failed_sign_in_is_logged_with_the_name_of_the_token_and_not_the_token(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with frame(tmp_path, peer="127.0.0.9") as api:
            wrong = new_key("local", prefix="sga")
            with capture_logs() as logs:
                answer = await api.get("/whoami", token=wrong)
            assert answer.status_code == 401
            assert 'error="invalid_token"' in answer.headers["www-authenticate"]
            (entry,) = audited(logs)
            assert (entry["token"], entry["via"]) == (token_name(wrong), "127.0.0.9")
            assert wrong not in str(logs)

    asyncio.run(work())


async def guess(api: Asker, times: int) -> list[int]:
    tokens = [new_key("local", prefix="sga") for _ in range(times)]
    return [(await api.get("/whoami", token=token)).status_code for token in tokens]


def test_whoever_guesses_has_to_wait_and_the_store_is_left_alone(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            good = await api.token("viewer")
            assert await guess(api, MOST) == [401] * MOST
            api.desk.store, store = None, api.desk.store
            answer = await api.get("/whoami", token=new_key("local", prefix="sga"))
            assert answer.status_code == 429
            assert answer.headers["retry-after"] == str(int(WINDOW_S))
            api.desk.store = store
            assert (await api.get("/whoami", token=FIRST)).status_code == 200
            api.clock.advance(WINDOW_S)
            assert (await api.get("/whoami", token=good)).status_code == 200

    asyncio.run(work())


def test_a_request_without_a_token_is_no_guess(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            for _ in range(MOST + 1):
                assert (await api.get("/whoami", token=None)).status_code == 401
            assert (await api.get("/whoami", token=await api.token("viewer"))).status_code == 200

    asyncio.run(work())


@pytest.mark.parametrize(
    ("peer", "plain", "status"),
    [
        ("127.0.0.1", False, 200),
        ("::1", False, 200),
        ("::ffff:127.0.0.1", False, 200),
        ("192.0.2.1", False, 403),
        ("not an address", False, 403),
        ("192.0.2.1", True, 200),
    ],
)
def test_tokens_of_other_machines_are_not_taken_over_plain_http(
    tmp_path: Path, peer: str, status: int, *, plain: bool
) -> None:
    async def work() -> None:
        async with frame(tmp_path, peer=peer, plain=plain) as api:
            assert (await api.get("/whoami")).status_code == status
            tls = await api.http.get(
                "https://localhost/admin/v1/whoami", headers={"authorization": f"Bearer {FIRST}"}
            )
            assert tls.status_code == 200

    asyncio.run(work())
