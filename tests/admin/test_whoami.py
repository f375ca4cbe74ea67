from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluicegate.admin.tokens import token_name
from support.admin_frame import frame


@pytest.mark.parametrize(("role", "team"), [("viewer", None), ("operator", "red")])
def test_any_token_may_ask_what_it_is_good_for(tmp_path: Path, role: str, team: str | None) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            token = await api.token(role, team=team)
            found = (await api.get("/whoami", token=token)).json()
            name = token_name(token)
            assert found == {"name": name, "role": role, "team": team, "via": "127.0.0.1"}

    asyncio.run(work())
