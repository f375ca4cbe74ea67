"""Objects that a provider keeps are their owner's, whatever the provider lists or is shown."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from pathlib import Path

from sluicegate.journey.dispatch.model.sealing import opened
from support.links import link
from support.loops import run
from support.model_calls import deployments, model_world
from support.upstreams import Talk, response


def completion(id_: str, owner: str) -> dict[str, object]:
    return {"id": id_, "metadata": {"sluicegate_consumer": owner}}


def test_a_provider_that_lists_everything_shows_nobody_the_objects_of_others(
    tmp_path: Path,
) -> None:
    entries = [completion("cc_1", "lovelace"), completion("cc_2", "-"), {"id": "cc_3"}]
    whole = {"object": "list", "data": entries, "first_id": "cc_1", "last_id": "cc_3"}

    async def script(talk: Talk) -> None:
        await talk.request()
        said = {"Content-Type": "application/json"}
        await talk.send(response(200, said, json.dumps(whole).encode(), "OK"))

    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat")}) as world:
            world.provider.upstream.script = script
            got = await world.ask("GET", "/v1/chat/completions")
            said = json.loads(got.body)
            (id_,) = [each["id"] for each in said["data"]]
            assert id_.startswith("cc_2.")
            assert said["first_id"] == said["last_id"] == id_
            assert b"lovelace" not in got.body

    run(work())


def test_a_key_among_the_headers_seals_as_well() -> None:
    made = link("vllm", key=None, url="http://a/v1", headers={"authorization": "Bearer of ours"})
    said = f"object\0{made.name}\0eve\0resp_of_ada".encode()
    forged = urlsafe_b64encode(hmac.digest(b"", said, "sha256")).decode()[:22]
    assert opened(f"resp_of_ada.{forged}", "eve", made) is None
