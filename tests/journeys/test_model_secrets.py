"""A provider's key is shown to that provider and to nobody else, whatever anybody does wrong."""

from __future__ import annotations

import json
from pathlib import Path

from support.collector import collector
from support.front import Options
from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.model_faults import echoing_key, echoing_key_in_stream
from support.model_front import CALLERS, KINDS, config, model_front, provider, request
from support.raw_http import Answer, ask
from support.scripted_provider import KEY, Play, ScriptedProvider, cut, error, reset

HEADER = "secret-of-a-header"
SECRETS = (KEY, HEADER)
PLAYS: dict[str, Play] = {
    "echo": echoing_key(),
    "echo-late": echoing_key_in_stream(),
    "refused": error("authentication"),
    "cut": cut(),
    "reset": reset(),
}


def written(url: str, traces: str) -> str:
    """Write a gateway that tells everybody everything that it tells."""
    models: dict[str, Options] = {}
    for dialect in KINDS:
        deployments = [{"provider": dialect, "model": "*"}]
        often = {"failures": 1000, "time": "1ms", "max_time": "1ms"}
        models[f"{dialect}/*"] = {"deployments": deployments, "attempts": 1, "cooldown": often}
    providers = {dialect: provider(url, dialect, headers={"x-extra": HEADER}) for dialect in KINDS}
    document = config(
        providers,
        models,
        ai={"proxy": list(KINDS)},
        tracing={"endpoint": traces, "service_name": "edge"},
        policies=[{"metrics": {}}, {"access_log": {}}, {"traces": {"sample": 1}}],
    )
    return json.dumps(document)


def test_provider_keys_are_nowhere_in_answers_logs_traces_and_metrics(tmp_path: Path) -> None:
    with (
        collector() as traces,
        in_thread(ScriptedProvider()) as vendor,
        gateway(tmp_path, written(vendor.url, traces.url)) as running,
    ):
        for name, play in PLAYS.items():
            vendor.play(name, play)
        answers = []
        for dialect in KINDS:
            for name in (*PLAYS, "scenario-text"):
                for caller in CALLERS:
                    for stream in (False, True):
                        if name == "echo-late" and not stream:
                            continue
                        sent = request(caller, f"{dialect}/{name}", stream=stream)
                        answers.append(ask(running.port, sent))
        answers += [native(running, dialect) for dialect in KINDS]
        assert {answer.status for answer in answers} >= {200, 400, 502}
        seen = b"".join(answer.body + repr(answer.headers).encode() for answer in answers)
        seen += running.actuator("prometheus").body
        seen += running.actuator("info").body
        traces.wait(len(answers))
        seen += b"".join(span.SerializeToString() for span in traces.spans)
        running.stop()
        seen += running.out.read_bytes() + running.err.read_bytes()
        assert seen.count(b"[redacted]") > 50  # it was there
        assert any(KEY in str(call.headers) for call in vendor.calls)
        assert any(HEADER in str(call.headers) for call in vendor.calls)
        for secret in SECRETS:
            at = seen.find(secret.encode())
            assert at < 0, seen[max(0, at - 300) : at + 100]


def native(running: Gateway, dialect: str) -> Answer:
    """Ask a provider's own API for what it refuses, as the client makes it."""
    body = json.dumps({"model": "echo", "messages": []}).encode()
    head = (
        f"POST /proxy/{dialect}/v1/messages HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer mine\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return ask(running.port, head.encode() + body)


def test_what_a_provider_says_of_our_credentials_is_not_for_callers(tmp_path: Path) -> None:
    def write(urls: list[str]) -> Options:
        wrong = provider(urls[0], key="another-key-altogether")
        often = {"failures": 1000, "time": "1ms", "max_time": "1ms"}
        model = {"deployments": [{"provider": "p", "model": "m"}], "cooldown": often}
        return config({"p": wrong}, {"m": model})

    with model_front(tmp_path, write, providers=1) as at:
        for caller in CALLERS:
            for stream in (False, True):
                told = at.ask(caller, "m", stream=stream)
                assert (told.status, told.honest) == (502, True)
                assert "credentials were refused" in told.error["message"]
                assert b"sk-" not in told.body
