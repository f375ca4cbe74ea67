"""What passes to a provider as the client made it, and objects that it keeps."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sluicegate.journey.dispatch.model.sealing import NOBODY, OWNER
from support.loops import run
from support.model_calls import ASKED, ModelWorld, deployments, model_world, request
from support.raw_http import Answer, connect
from support.scripted_provider import KEY
from support.upstreams import Talk, Upstream, response

KEYS = {"ada": "a" * 20, "eve": "e" * 20}
KEPT: dict[str, Any] = {
    "peppers": {"p": "p" * 32},
    "consumers": {name: {"keys": [{"value": key}]} for name, key in KEYS.items()},
    "policies": [{"api_key": {"optional": True}}],
}
MODELS = {"m": deployments("chat", model="gpt"), "r": deployments("responses", model="gpt")}


class Keeper:
    """A vendor that keeps objects, and says what it was asked for."""

    def __init__(self) -> None:
        self.upstream = Upstream(self._script)
        self.answer: Any = {}
        self.status = 200
        self.media = "application/json"
        self.date = ""
        self.breaks_off = False

    @property
    def asked(self) -> tuple[str, str, str]:
        """Method, path and query of the last request."""
        last = self.upstream.requests[-1]
        path, _, query = last.target.decode().partition("?")
        return last.method.decode(), path, query

    async def _script(self, talk: Talk) -> None:
        while True:
            await talk.request()
            said = self.answer
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            headers = {"Content-Type": self.media} | ({"Date": self.date} if self.date else {})
            whole = response(self.status, headers, body, "x")
            if self.breaks_off:
                await talk.send(whole[:-1])
                await talk.close()
                return
            await talk.send(whole)


def in_world(folder: Path, work: Any, **more: Any) -> None:
    async def inner() -> None:
        keeper = Keeper()
        await keeper.upstream.start()
        try:
            url = f"{keeper.upstream.url}/v1"
            chat = {"kind": "openai", "url": url, "key": KEY}
            top = {
                "providers": {
                    "chat": chat | {"dialects": ["openai_chat"]},
                    "responses": chat | {"dialects": ["openai_responses"], "key": KEY + "2"},
                }
            }
            ai = {"proxy": ["chat"]}
            async with model_world(folder, MODELS, ai, **(KEPT | top | more)) as world:
                await work(world, keeper)
        finally:
            await keeper.upstream.stop()

    run(inner())


def of(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS[name]}"} if name else {}


async def made(world: ModelWorld, keeper: Keeper, owner: str, id_: str = "resp_1") -> str:
    """Have a response made; return the id that the caller gets."""
    path = Path(__file__).parents[3] / "golden" / "llm" / "openai_responses" / "text.response.json"
    keeper.answer = json.loads(path.read_bytes()) | {"id": id_}
    got = await world.ask("POST", "/v1/responses", {"model": "r", "input": "x"}, **of(owner))
    assert got.status == 200, got.body
    said: str = json.loads(got.body)["id"]
    return said


def content(got: Answer) -> Any:
    assert got.status == 200, got.body
    return json.loads(got.body)


# --- the provider's own API ----------------------------------------------------------------------


def test_a_request_passes_with_our_key_in_place_of_the_clients(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        keeper.answer = b"whatever it says"
        keeper.media = "text/plain"
        got = await world.ask(
            "PUT", "/proxy/chat/files/a%20b?x=1", b"\x00raw", **of("ada"), x_odd="1"
        )
        assert (got.status, got.body) == (200, b"whatever it says")
        assert got.get("content-type") == "text/plain"
        sent = keeper.upstream.requests[-1]
        assert keeper.asked == ("PUT", "/v1/files/a%20b", "x=1")
        assert sent.body == b"\x00raw"
        assert sent.all(b"authorization") == [f"Bearer {KEY}".encode()]
        assert sent.get(b"x-odd") == b"1"
        assert KEYS["ada"].encode() not in sent.raw_head

    in_world(tmp_path, work)


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_has_one_date_and_it_is_the_providers(tmp_path: Path, status: int) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        keeper.status, keeper.date = status, "Tue, 15 Nov 1994 08:12:31 GMT"
        got = await world.ask("GET", "/proxy/chat/files")
        assert got.all("date") == ["Tue, 15 Nov 1994 08:12:31 GMT"]

    in_world(tmp_path, work)


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_an_error_of_a_provider_passes_without_our_key(tmp_path: Path, status: int) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        keeper.status, keeper.answer = status, {"error": f"Bearer {KEY} is odd"}
        got = await world.ask("GET", "/proxy/chat/files")
        assert got.status == status
        assert KEY.encode() not in got.body
        assert json.loads(got.body)["error"].endswith("is odd")

    in_world(tmp_path, work)


@pytest.mark.parametrize("status", [401, 403])
def test_that_our_credentials_are_refused_is_all_that_is_told(tmp_path: Path, status: int) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        keeper.status, keeper.answer = status, {"error": {"message": "key sk-… of org-…"}}
        got = await world.ask("GET", "/proxy/chat/files")
        assert got.status == 502
        assert b"org-" not in got.body

    in_world(tmp_path, work)


@pytest.mark.parametrize("path", ["/proxy/responses/files", "/proxy/nobody/files"])
def test_other_providers_are_not_there(tmp_path: Path, path: str) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        assert (await world.ask("GET", path)).status == 404
        assert keeper.upstream.requests == []

    in_world(tmp_path, work)


def test_a_provider_that_is_away_is_an_honest_error(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        await keeper.upstream.stop()
        got = await world.ask("GET", "/proxy/chat/files")
        assert got.status == 503
        assert "message" in json.loads(got.body)["error"]

    in_world(tmp_path, work)


def test_an_answer_that_breaks_off_breaks_off_and_is_told_of(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        keeper.answer, keeper.breaks_off = b"half", True

        def read() -> bytes:
            with connect(world.plane.port) as client:
                client.send(request("GET", "/proxy/chat/files"))
                return client.read_all()

        got = await asyncio.to_thread(read)
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.endswith(b"\r\n\r\nhal")
        await world.until(lambda: world.plane.counted("sluicegate_responses_incomplete_total"))
        assert world.plane.logs[-1]["problem"] == "upstream-failed"

    metrics_too = [*KEPT["policies"], {"metrics": {}}, {"access_log": {}}]
    in_world(tmp_path, work, policies=metrics_too)


# --- objects that are kept -----------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["ada", ""])
def test_a_response_is_there_for_who_made_it_and_for_nobody_else(
    tmp_path: Path, owner: str
) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        id_ = await made(world, keeper, owner)
        assert id_ != "resp_1"
        path = f"/v1/responses/{id_}"
        assert content(await world.ask("GET", f"{path}?include=a", **of(owner)))["id"] == id_
        assert keeper.asked == ("GET", "/v1/responses/resp_1", "include=a")
        asked = len(keeper.upstream.requests)
        other = "" if owner else "ada"
        for who, where in ((other, path), ("eve", path), (owner, "/v1/responses/resp_1")):
            assert (await world.ask("GET", where, **of(who))).status == 404
        assert len(keeper.upstream.requests) == asked

    in_world(tmp_path, work)


def test_what_belongs_to_a_response_is_asked_for_behind_its_id(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        id_ = await made(world, keeper, "ada")
        keeper.answer = {"id": "resp_1", "object": "response", "deleted": True}
        gone = content(await world.ask("DELETE", f"/v1/responses/{id_}", **of("ada")))
        assert gone["id"] == id_
        cancelled = await world.ask("POST", f"/v1/responses/{id_}/cancel", {}, **of("ada"))
        assert content(cancelled)["id"] == id_
        assert keeper.asked[1] == "/v1/responses/resp_1/cancel"

    in_world(tmp_path, work)


def test_items_of_a_response_have_their_own_ids_so_that_pages_follow(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        id_ = await made(world, keeper, "ada")
        keeper.answer = {"object": "list", "data": [{"id": "msg_1"}], "last_id": "msg_1"}
        path = f"/v1/responses/{id_}/input_items"
        page = content(await world.ask("GET", f"{path}?after=msg_0", **of("ada")))
        assert page == keeper.answer
        assert keeper.asked[2] == "after=msg_0"

    in_world(tmp_path, work)


def test_a_response_is_sealed_in_the_events_of_its_stream_too(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        id_ = await made(world, keeper, "ada")
        keeper.answer = b'data: {"response":{"id":"resp_1"}}\n\n'
        keeper.media = "text/event-stream"
        got = await world.ask("GET", f"/v1/responses/{id_}?stream=true", **of("ada"))
        assert got.body == b'data: {"response":{"id":"%b"}}\n\n' % id_.encode()

    in_world(tmp_path, work)


def test_a_call_goes_on_with_what_its_caller_has_made(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        id_ = await made(world, keeper, "ada")
        body = {"model": "r", "input": "x", "previous_response_id": id_}
        assert (await world.ask("POST", "/v1/responses", body, **of("ada"))).status == 200
        sent = json.loads(keeper.upstream.requests[-1].body)
        assert sent["previous_response_id"] == "resp_1"
        assert (await world.ask("POST", "/v1/responses", body, **of("eve"))).status == 404

    in_world(tmp_path, work)


@pytest.mark.parametrize(("owner", "mark"), [("ada", "ada"), ("", NOBODY)])
def test_a_list_is_of_ones_own_only(tmp_path: Path, owner: str, mark: str) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        whose = {"metadata": {OWNER: mark}}
        kept = [{"id": "c_1", **whose}, {"id": "c_2", **whose}]
        keeper.answer = {"object": "list", "data": kept, "last_id": "c_2"}
        forged = f"metadata[{OWNER}]=eve&metadata%5B{OWNER.replace('_', '%5F')}%5D=eve"
        path = f"/v1/chat/completions?limit=2&model=m&{forged}"
        page = content(await world.ask("GET", path, **of(owner)))
        assert keeper.asked[2] == f"limit=2&model=gpt&metadata%5B{OWNER}%5D={mark}"
        ids = [entry["id"] for entry in page["data"]]
        assert page["last_id"] == ids[1] != "c_2"
        await world.ask("GET", f"/v1/chat/completions?after={ids[1]}", **of(owner))
        assert keeper.asked[2].startswith("after=c_2&")
        assert (await world.ask("GET", "/v1/chat/completions?after=c_2", **of(owner))).status == 404

    in_world(tmp_path, work)


def test_an_update_leaves_an_object_its_owners(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        kept = {"id": "c_1", "metadata": {OWNER: "ada"}}
        keeper.answer = {"object": "list", "data": [kept]}
        page = content(await world.ask("GET", "/v1/chat/completions", **of("ada")))
        path = f"/v1/chat/completions/{page['data'][0]['id']}"
        body = {"metadata": {"topic": "x", OWNER: "eve"}}
        assert (await world.ask("POST", path, body, **of("ada"))).status == 200
        sent = json.loads(keeper.upstream.requests[-1].body)
        assert sent == {"metadata": {"topic": "x", OWNER: "ada"}}

    in_world(tmp_path, work)


def test_what_is_stored_says_whose_it_is(tmp_path: Path) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        keeper.status = 500
        body = {"model": "m", "messages": ASKED, "store": True}
        await world.ask("POST", "/v1/chat/completions", body, **of("ada"), sluicegate_x="1")
        sent = json.loads(keeper.upstream.requests[0].body)
        assert sent["metadata"] == {OWNER: "ada"}

    in_world(tmp_path, work, models={"m": deployments("chat", model="gpt", attempts=1)})


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/responses/", "/v1/responses/%2e%2e/x"])
def test_what_cannot_be_listed_is_not_there(tmp_path: Path, path: str) -> None:
    async def work(world: ModelWorld, keeper: Keeper) -> None:
        assert (await world.ask("GET", path, **of("ada"))).status in (400, 404, 405)
        assert keeper.upstream.requests == []

    in_world(tmp_path, work)
