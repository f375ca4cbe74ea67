from __future__ import annotations

import asyncio
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sluicegate.admin.tokens import FRESH_S, Tokens, token_name
from sluicegate.model.key import base62, new_key
from sluicegate.store.contract import Change, Revision
from support.admin_frame import AUTHOR, Asker, capture_logs, frame
from support.mock_clock import EPOCH_US

NOW = datetime.fromtimestamp(EPOCH_US / 1e6, UTC)


def run(work: Any, folder: Path) -> None:
    """Give `work` a frame, and tokens of its own."""

    async def within() -> None:
        async with frame(folder) as api:
            await work(api, Tokens(api.desk, api.clock))

    asyncio.run(within())


async def revoke(api: Asker, token: str) -> None:
    change = Change("token", token_name(token) or "", None)
    await api.desk.store.write([change], AUTHOR)


def test_a_token_says_what_it_is_good_for(tmp_path: Path) -> None:
    async def work(api: Asker, tokens: Tokens) -> None:
        token = await api.token("operator", team="red")
        found = await tokens.find(token)
        assert found is not None
        assert (found[0], found[1].role, found[1].team) == (token_name(token), "operator", "red")

    run(work, tmp_path)


def forged(token: str) -> str:
    """Return a token of the same name with another secret, check sum and all."""
    name = token_name(token) or ""
    text = name + new_key("local", prefix="sga")[len(name) : -6]
    return text + base62(zlib.crc32(text.encode()), 6)


def test_another_secret_behind_a_known_name_is_no_token(tmp_path: Path) -> None:
    async def work(api: Asker, tokens: Tokens) -> None:
        token = await api.token("admin")
        other = forged(token)
        assert token_name(other) == token_name(token)
        assert await tokens.find(token) is not None
        for presented in (other, new_key("local", prefix="sga"), "sg" + token[3:]):
            assert await tokens.find(presented) is None

    run(work, tmp_path)


def test_what_has_no_form_of_a_token_never_reaches_the_store(tmp_path: Path) -> None:
    async def work(api: Asker, tokens: Tokens) -> None:
        api.desk.store = None  # asking it would fail
        token = new_key("local", prefix="sga")
        for presented in (token[:-1], token + "0", "sga_local_", "", "' OR 1=1 --"):
            assert await tokens.find(presented) is None

    run(work, tmp_path)


def test_a_token_expires_on_the_microsecond(tmp_path: Path) -> None:
    async def work(api: Asker, tokens: Tokens) -> None:
        token = await api.token("viewer", expires=NOW + timedelta(seconds=2))
        api.clock.advance(1.999999)
        assert await tokens.find(token) is not None
        api.clock.advance(0.000001)
        assert await tokens.find(token) is None

    run(work, tmp_path)


def test_a_revoked_token_is_good_for_seconds_at_most(tmp_path: Path) -> None:
    async def work(api: Asker, tokens: Tokens) -> None:
        token = await api.token("viewer")
        assert await tokens.find(token) is not None
        await revoke(api, token)
        api.clock.advance(FRESH_S)
        assert await tokens.find(token) is None

    run(work, tmp_path)


def test_a_push_forgets_a_revoked_token_at_once(tmp_path: Path) -> None:
    async def work(api: Asker, tokens: Tokens) -> None:
        token = await api.token("viewer")
        assert await tokens.find(token) is not None
        await revoke(api, token)
        tokens.forget([token_name(token) or ""])
        assert await tokens.find(token) is None

    run(work, tmp_path)


def test_a_push_during_a_look_up_is_not_missed(tmp_path: Path) -> None:
    class Slow:
        """A store in which a token is revoked right after it was read."""

        def __init__(self, api: Asker) -> None:
            self.store = api.desk.store
            self.asked = 0

        async def head(self, kind: str, name: str) -> Revision | None:
            found: Revision | None = await self.store.head(kind, name)
            self.asked += 1
            tokens_of[0].forget([name])
            return found

    tokens_of: list[Tokens] = []

    async def work(api: Asker, tokens: Tokens) -> None:
        tokens_of.append(tokens)
        token = await api.token("viewer")
        api.desk.store = slow = Slow(api)
        await tokens.find(token)
        await tokens.find(token)
        assert slow.asked == 2
        api.desk.store = slow.store

    run(work, tmp_path)


def test_a_token_under_a_pepper_that_is_not_known_here_is_refused_and_named(tmp_path: Path) -> None:
    async def work(api: Asker, tokens: Tokens) -> None:
        token = await api.token("viewer")
        api.desk.peppers = {"other": "q" * 32}
        with capture_logs() as logs:
            assert await tokens.find(token) is None
        assert [(entry["token"], entry["pepper"]) for entry in logs] == [
            (token_name(token), "main")
        ]

    run(work, tmp_path)


@pytest.mark.parametrize("text", ["", "sga", "sg_local_abcdefgh"])
def test_only_a_whole_token_has_a_name(text: str) -> None:
    assert token_name(text) is None
