"""What the policy `json` changes in the body of a call is what the provider gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.loops import run
from support.model_calls import deployments, model_world

CHANGES = {"request": {"set": {"user": "forced"}, "remove": ["metadata"]}}


@pytest.mark.parametrize("provider", ["chat", "responses"])
def test_a_call_is_changed_before_it_is_sent(tmp_path: Path, provider: str) -> None:
    async def work() -> None:
        route = {"match": {"path": "/**"}, "ai": {}, "policies": [{"json": CHANGES}]}
        models = {"m": deployments(provider, model="scenario-text")}
        async with model_world(tmp_path, models, routes={"ai": route}) as world:
            got = await world.chat("m", metadata={"a": "b"})
            assert got.status == 200
            sent = world.provider.calls[-1].content
            assert sent["user"] == "forced"
            assert "metadata" not in sent

    run(work())
