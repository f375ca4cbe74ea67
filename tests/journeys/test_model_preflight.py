"""Pages in browsers may call models where `cors` says so; elsewhere a preflight is a 405."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.loops import run
from support.model_calls import deployments, model_world

PAGE = "https://app.example"
ROUTE = {"match": {"path": "/**"}, "ai": {}}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/models"])
@pytest.mark.parametrize("cors", [True, False])
def test_a_preflight_is_answered_by_cors(tmp_path: Path, path: str, *, cors: bool) -> None:
    async def work() -> None:
        policies = [{"cors": {"origins": [PAGE]}}] if cors else []
        routes = {"ai": {**ROUTE, "policies": policies}}
        async with model_world(tmp_path, {"m": deployments("chat")}, routes=routes) as world:
            asked = {"origin": PAGE, "access_control_request_method": "POST"}
            said = await world.ask("OPTIONS", path, **asked)
            assert said.status == (204 if cors else 405)
            assert (await world.ask("OPTIONS", path)).status == 405
            assert not world.provider.calls

    run(work())
