"""A provider that keeps what it answers, as OpenAI's API keeps responses and chat completions.

Paths and shapes: openai-python `resources/responses/`, `resources/chat/completions/`.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from support.llm_goldens import golden
from support.scripted_provider import Call, read_call, shows_key
from support.upstreams import Talk, Upstream, response

ROOTS = {"/v1/responses": "openai_responses", "/v1/chat/completions": "openai_chat"}
DELETED = {"openai_responses": "response", "openai_chat": "chat.completion.deleted"}
SSE = "text/event-stream; charset=utf-8"


class ObjectKeeper:
    """`name` is in the ids of what it keeps; `kept` are the objects by id."""

    def __init__(self, name: str, key: str) -> None:
        self.name, self._key = name, key
        self.kept: dict[str, dict[str, Any]] = {}
        self.calls: list[Call] = []
        self.upstream = Upstream(self._script)

    async def start(self) -> None:
        await self.upstream.start()

    async def stop(self) -> None:
        await self.upstream.stop()

    async def _script(self, talk: Talk) -> None:
        while True:
            call = read_call(await talk.request())
            self.calls.append(call)
            status, kind, body = self._answer(call)
            await talk.send(response(status, {"Content-Type": kind}, body, "Whatever"))

    def _answer(self, call: Call) -> tuple[int, str, bytes]:
        root = next(root for root in ROOTS if call.path.startswith(root))
        id_, _, part = call.path[len(root) + 1 :].partition("/")
        if not shows_key(call, self._key):
            return 401, "application/json", b'{"error": {"message": "who?"}}'
        if call.method == "POST" and not id_:
            return self._made(call, ROOTS[root])
        if not id_:
            return _json(200, self._list(parse_qs(call.query)))
        if id_ not in self.kept:
            told = {"message": "there is none", "type": "invalid_request_error"}
            return _json(404, {"error": told | {"param": None, "code": None}})
        return _json(200, self._of(call, ROOTS[root], id_, part))

    def _made(self, call: Call, dialect: str) -> tuple[int, str, bytes]:
        whole = json.loads(golden(dialect, "text.response.json"))
        asked = call.content
        sort = "resp" if dialect == "openai_responses" else "chatcmpl"
        made = {**whole, "id": f"{sort}_{self.name}{len(self.kept)}"}
        made["metadata"] = asked.get("metadata") or {}
        if asked.get("previous_response_id"):
            made["previous_response_id"] = asked["previous_response_id"]
        self.kept[made["id"]] = made
        if call.stream:
            data = golden(dialect, "text.stream").decode()
            old = json.loads(data[data.index("data: ") + 6 :].split("\n")[0])
            id_ = old["response"]["id"] if sort == "resp" else old["id"]
            return 200, SSE, data.replace(id_, made["id"]).encode()
        return _json(200, made)

    def _of(self, call: Call, dialect: str, id_: str, part: str) -> dict[str, Any]:
        kept = self.kept[id_]
        if call.method == "DELETE":
            del self.kept[id_]
            return {"id": id_, "object": DELETED[dialect], "deleted": True}
        if part == "cancel":
            kept["status"] = "cancelled"
        elif part == "input_items":
            said = [{"type": "input_text", "text": "Say something."}]
            return _list_of([{"id": "msg_1", "type": "message", "role": "user", "content": said}])
        elif part == "messages":
            return _list_of([{"id": f"{id_}-0", "role": "user", "content": "Say something."}])
        elif call.method == "POST":
            kept["metadata"] = call.content["metadata"]
        return kept

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        wanted = {
            name[9:-1]: values[0] for name, values in query.items() if name[:9] == "metadata["
        }
        return _list_of([each for each in self.kept.values() if _has(each["metadata"], wanted)])


def _has(metadata: dict[str, str], wanted: dict[str, str]) -> bool:
    return wanted.items() <= metadata.items()


def _list_of(objects: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [each["id"] for each in objects] or [None]
    ends = {"first_id": ids[0], "last_id": ids[-1], "has_more": False}
    return {"object": "list", "data": objects, **ends}


def _json(status: int, content: Any) -> tuple[int, str, bytes]:
    return status, "application/json", json.dumps(content).encode()
