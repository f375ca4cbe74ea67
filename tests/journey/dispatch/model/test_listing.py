"""Lists of models, as each SDK reads them: with the SDKs' own types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import ModelInfo
from google.genai.models import _Model_from_mldev
from openai.types import Model

from support.loops import run
from support.model_calls import ModelWorld, deployments, model_world
from support.raw_http import Answer

MODELS = {
    "fast": deployments("chat", model="gpt", description="For small talk."),
    "deep/one": deployments("chat", model="gpt"),
    "any/*": deployments("chat", model="*"),
}
ANTHROPIC = {"anthropic_version": "2023-06-01"}
SECRET = "k" * 20


def listed(answer: Answer) -> Any:
    assert answer.status == 200
    assert answer.get("content-type") == "application/json"
    return json.loads(answer.body)


def run_in(folder: Path, work: Any, **more: Any) -> None:
    async def inner() -> None:
        async with model_world(folder, MODELS, **more) as world:
            await work(world)

    run(inner())


def test_openai_lists_and_looks_up(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        page = listed(await world.ask("GET", "/v1/models"))
        assert page["object"] == "list"
        assert [Model.model_validate(each).id for each in page["data"]] == ["fast", "deep/one"]
        one = listed(await world.ask("GET", "/v1/models/deep/one"))
        assert Model.model_validate(one).id == "deep/one"

    run_in(tmp_path, work)


def test_anthropic_lists_and_looks_up(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        page = listed(await world.ask("GET", "/v1/models?limit=20", **ANTHROPIC))
        infos = [ModelInfo.model_validate(each) for each in page["data"]]
        assert [info.display_name for info in infos] == ["For small talk.", "deep/one"]
        assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "fast", "deep/one")
        one = listed(await world.ask("GET", "/v1/models/fast", **ANTHROPIC))
        assert ModelInfo.model_validate(one).id == "fast"

    run_in(tmp_path, work)


@pytest.mark.parametrize("root", ["/v1beta/models", "/v1/models"])
def test_google_lists_and_looks_up(tmp_path: Path, root: str) -> None:
    async def work(world: ModelWorld) -> None:
        google_key = {"x_goog_api_key": "k"}
        page = listed(await world.ask("GET", root, **google_key))
        models = [_Model_from_mldev(each) for each in page["models"]]
        assert [model["name"] for model in models] == ["models/fast", "models/deep/one"]
        one = listed(await world.ask("GET", f"{root}/fast", **google_key))
        found = _Model_from_mldev(one)
        assert found["description"] == "For small talk."
        assert "generateContent" in found["supported_actions"]

    run_in(tmp_path, work)


def test_a_name_behind_a_star_can_be_looked_up_and_is_not_listed(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        assert listed(await world.ask("GET", "/v1/models/any/thing"))["id"] == "any/thing"

    run_in(tmp_path, work)


@pytest.mark.parametrize("headers", [{}, ANTHROPIC, {"x_goog_api_key": "k"}])
def test_what_is_not_there_is_a_404_in_the_dialect(tmp_path: Path, headers: dict[str, str]) -> None:
    async def work(world: ModelWorld) -> None:
        got = await world.ask("GET", "/v1/models/nothing", **headers)
        assert got.status == 404
        assert "nothing" in json.loads(got.body)["error"]["message"]

    run_in(tmp_path, work)


def test_only_what_the_route_serves_is_there(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        page = listed(await world.ask("GET", "/v1/models"))
        assert [each["id"] for each in page["data"]] == ["fast"]
        assert (await world.ask("GET", "/v1/models/deep/one")).status == 404
        assert (await world.ask("GET", "/v1/models/any/thing")).status == 404

    run_in(tmp_path, work, ai={"models": ["fast"]})


def test_only_what_key_and_policies_allow_is_there(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        bearer = {"authorization": f"Bearer {SECRET}"}
        page = listed(await world.ask("GET", "/v1/models", **bearer))
        assert [each["id"] for each in page["data"]] == ["deep/one"]
        assert (await world.ask("GET", "/v1/models/fast", **bearer)).status == 403
        assert (await world.ask("GET", "/v1/models/any/thing", **bearer)).status == 403

    run_in(
        tmp_path,
        work,
        peppers={"p": "p" * 32},
        consumers={"ada": {"keys": [{"value": SECRET, "models": ["deep/*", "any/*"]}]}},
        policies=[{"api_key": {}}, {"model_access": {"deny": ["any/*"]}}],
    )


def test_nobody_is_asked_for_a_list(tmp_path: Path) -> None:
    async def work(world: ModelWorld) -> None:
        await world.ask("GET", "/v1/models")
        assert (await world.ask("POST", "/v1/models", {})).status == 405
        assert world.provider.calls == []

    run_in(tmp_path, work)
