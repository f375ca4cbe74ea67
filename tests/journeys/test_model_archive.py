"""Prompts and answers are kept where the policy `archive` says so, and are nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.collector import collector
from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.model_front import CALLERS, config, provider, request
from support.ports import asked_until, eventually
from support.raw_http import ask
from support.scripted_provider import ScriptedProvider
from support.valkey import PATIENT, Valkey

STORE = {"SLUICEGATE_STORE_URL": "sqlite:///sluicegate.db"}
SAID = "hunter2-in-a-prompt of ann@example.org"
TEXT = "quick brown fox"
"""A part of what the scenario `text` answers."""


def written(url: str, traces: str, **others: Any) -> str:
    models = {"*": {"deployments": [{"provider": "p", "model": "*"}]}}
    archive = {"routes": ["ai"], "consumers": []}
    policies = [{"metrics": {}}, {"access_log": {}}, {"traces": {"sample": 1}}]
    tracing = {"endpoint": traces, "service_name": "edge"}
    document = config(
        {"p": provider(url)}, models, tracing=tracing,
        policies=[*policies, {"archive": archive}], **others,
    )  # fmt: skip
    return json.dumps(document)


def api(running: Gateway, folder: Path) -> httpx.Client:
    token = next(folder.rglob("admin.token")).read_text().strip()
    url = f"http://127.0.0.1:{running.management}/admin/v1"
    return httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=20)


@pytest.mark.parametrize("state", ["memory", "valkey"])
def test_calls_are_kept_redacted_and_nothing_of_them_is_elsewhere(
    tmp_path: Path, state: str, valkey: Valkey
) -> None:
    others: dict[str, Any] = {}
    if state == "valkey":
        others = {"state": {"url": valkey.url, **PATIENT}, "gateway": {"workers": 2}}
    with (
        collector() as traces,
        in_thread(ScriptedProvider()) as vendor,
        gateway(tmp_path, written(vendor.url, traces.url, **others), **STORE) as running,
    ):
        calls = 0
        for caller in CALLERS:
            for stream in (False, True):
                sent = request(caller, "scenario-text", stream=stream, content=SAID)
                if caller == "gemini":
                    sent = request(caller, "scenario-text", stream=stream)
                answer = ask(running.port, sent)
                assert answer.status == 200
                assert b"quick" in answer.body
                calls += 1
        with api(running, tmp_path) as admin:

            def told(path: str) -> dict[str, Any]:
                found = asked_until(
                    lambda: admin.get(path),
                    lambda found: found.status_code != 503,  # the file is another's for the moment
                    f"{path} is answered",
                )
                assert found.status_code == 200, found.text
                answer: dict[str, Any] = found.json()
                return answer

            def items() -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = told("/archive")["items"]
                return found

            eventually(lambda: len(items()) == calls, "all calls are archived")
            kept = [told(f"/archive/{item['id']}") for item in items()]
        assert {call["dialect"] for call in kept} == {
            "openai_chat", "openai_responses", "anthropic_messages", "gemini_generate",
        }  # fmt: skip
        for call in kept:
            assert call["left_out"] == {}
            assert TEXT in json.dumps(call["answer"]), call
            assert "ann@" not in json.dumps(call)
        assert sum("hunter2-in-a-prompt of [email]" in json.dumps(c["request"]) for c in kept) == 6
        seen = running.actuator("prometheus").body
        assert b"sluicegate_archive_calls_total" in seen
        traces.wait(calls)
        seen += b"".join(span.SerializeToString() for span in traces.spans)
        running.stop()
        seen += running.out.read_bytes() + running.err.read_bytes()
        seen += b"".join(each.read_bytes() for each in tmp_path.rglob("*.db*"))
        assert b"/v1/chat/completions" in seen
        for secret in (b"hunter2-in-a-prompt", TEXT.encode()):
            at = seen.find(secret)
            assert at < 0, seen[max(0, at - 300) : at + 100]
