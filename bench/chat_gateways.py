"""Gateways that chat is measured on, each with one worker, in front of the same stand-in provider.

Sluicegate  key, limit, metrics and access log, as `governed` is; one model for each provider
LiteLLM     `litellm[proxy]` from PyPI, one worker, a master key, its own table of prices
Portkey     `@portkey-ai/gateway` from npm: its headers say where to go, nothing is checked
ferrogw     the program of the PyPI wheel of that name, with a master key

Those that are not here are installed below `.bench/peers`, each once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import peers
from bench.compiled import KEPT
from bench.gateway import sluicegate
from bench.processes import Missing, Running, free_port, program, start

KEY = "sk-" + peers.KEY
"""LiteLLM takes none without that beginning."""
TEXT = " ".join(f"Line {number} of an answer that says nothing." for number in range(18))
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
OPENAI_MODEL, ANTHROPIC_MODEL = "gpt-4o-mini", "claude-3-5-haiku-20241022"
"""Real names: ferrogw serves those that it knows."""
INSTALL_S, START_S = 900, 90
"""How long peers may take for either."""
PORTKEY = "1.15.2"
HONO = "1.13.7"
"""A later `@hono/node-server` has no `serveStatic` where that release of Portkey looks for it."""

COMPLETION = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1700000000,
    "model": OPENAI_MODEL,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": TEXT, "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 200, "completion_tokens": 140, "total_tokens": 340},
}
MESSAGE = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": ANTHROPIC_MODEL,
    "content": [{"type": "text", "text": TEXT}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 200, "output_tokens": 140},
}
RESPONSE = {
    "id": "resp_bench",
    "object": "response",
    "created_at": 1700000000,
    "model": OPENAI_MODEL,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "output": [
        {
            "id": "msg_bench",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "usage": {
        "input_tokens": 200,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 140,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 340,
    },
}
"""About 1 KB each, as the vendors' SDKs describe them. LiteLLM asks OpenAI for the last one where
its own caller speaks Anthropic's dialect."""

SLUICEGATE = """
providers:
  openai:
    kind: openai
    url: http://127.0.0.1:{provider}/v1
    key: "${{env:BENCH_KEY}}"
    dialects: [openai_chat]
  anthropic:
    kind: anthropic
    url: http://127.0.0.1:{provider}
    key: "${{env:BENCH_KEY}}"
models:
  to-openai: {{deployments: [{{provider: openai, model: {openai}}}]}}
  to-anthropic: {{deployments: [{{provider: anthropic, model: {anthropic}}}]}}
consumers: {{bench: {{plan: bench, keys: [{{value: "${{env:BENCH_KEY}}"}}]}}}}
plans:
  bench:
    policies: [{{rate_limit: {{allow: [1000000/second burst 1000000], by: consumer}}}}]
routes:
  bench:
    match: {{path: /**}}
    ai: {{}}
    policies: [{{api_key: {{}}}}]
policies: [{{metrics: {{}}}}, {{access_log: {{}}}}]
"""

LITELLM = """
model_list:
  - model_name: to-openai
    litellm_params:
      model: openai/{openai}
      api_base: http://127.0.0.1:{provider}/v1
      api_key: stand-in
  - model_name: to-anthropic
    litellm_params:
      model: anthropic/{anthropic}
      api_base: http://127.0.0.1:{provider}
      api_key: stand-in
general_settings: {{master_key: {key}}}
"""

FERROGW = """
strategy: {mode: fallback}
targets: [{virtual_key: openai}, {virtual_key: anthropic}]
"""


@dataclass(frozen=True)
class Way:
    """One kind of call: where callers send it, the model they name, and the headers they add."""

    name: str
    path: str
    model: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contender:
    """A gateway and the ways it is measured on. `start` takes a folder and the provider's port."""

    start: Callable[[Path, int], Running]
    ways: list[Way] = field(default_factory=list)


def stand_in(folder: Path) -> Running:
    """Start the provider of both kinds: nginx that gives the same answer each time."""
    port = free_port()
    places = "".join(
        f"location = {path} {{ return 200 '{json.dumps(body)}'; }}"
        for path, body in ((CHAT, COMPLETION), (MESSAGES, MESSAGE), (RESPONSES, RESPONSE))
    )
    places += "location / { return 404; }"
    server = f"listen 127.0.0.1:{port} backlog=4096; default_type application/json; {places}"
    return peers.nginx(folder, port, f"client_max_body_size 8m; server {{ {server} }}")


def configuration(provider_port: int) -> str:
    """Write Sluicegate's."""
    return SLUICEGATE.format(provider=provider_port, openai=OPENAI_MODEL, anthropic=ANTHROPIC_MODEL)


def ours(folder: Path, provider_port: int, *, pure: bool = False) -> Running:
    """Start Sluicegate."""
    return sluicegate(folder, configuration(provider_port), pure=pure)


def litellm(folder: Path, provider_port: int) -> Running:
    """Start LiteLLM's proxy."""
    port = free_port()
    found = in_venv("litellm", "litellm[proxy]")
    folder.mkdir(parents=True, exist_ok=True)
    names = {"openai": OPENAI_MODEL, "anthropic": ANTHROPIC_MODEL}
    text = LITELLM.format(provider=provider_port, key=KEY, **names)
    (folder / "config.yaml").write_text(text)
    command = [str(found), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    environ = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    return start([*command, "--num_workers", "1"], port, folder, environ, START_S)


def portkey(folder: Path, provider_port: int) -> Running:  # noqa: ARG001 - callers say where to go
    """Start Portkey."""
    port = free_port()
    node = program("node", "nodejs of the distribution")
    command = [node, str(_portkey() / "build/start-server.js"), f"--port={port}", "--headless"]
    return start(command, port, folder, {"NODE_ENV": "production"}, START_S)


def ferrogw(folder: Path, provider_port: int) -> Running:
    """Start ferrogw, on one core as a worker is."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(FERROGW)
    environ = {
        "GATEWAY_CONFIG": "config.yaml",
        "GOMAXPROCS": "1",
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "error",
        "MASTER_KEY": KEY,
        "PORT": str(port),
        "OPENAI_API_KEY": "stand-in",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{provider_port}",
        "ANTHROPIC_API_KEY": "stand-in",
        "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{provider_port}",
        "RATE_LIMIT_RPS": "1000000",
        "RATE_LIMIT_BURST": "1000000",
    }
    return start([str(in_venv("ferrogw", "ferrogw")), "serve"], port, folder, environ, START_S)


def in_venv(name: str, package: str) -> Path:
    """Return a program of PyPI, installed on first use in an environment of its own."""
    venv = KEPT / "peers" / name
    found = venv / "bin" / name
    if not found.exists():
        _install([sys.executable, "-m", "venv", "--clear", str(venv)], name)
        pip = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet"]
        _install([*pip, "--disable-pip-version-check", package], name)
    return found


def _portkey() -> Path:
    """Return the folder of Portkey's package, installed on first use."""
    folder = KEPT / "peers" / "portkey"
    package = folder / "node_modules" / "@portkey-ai" / "gateway"
    if not (package / "build").exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {
            "private": True,
            "dependencies": {"@portkey-ai/gateway": PORTKEY},
            "overrides": {"@hono/node-server": HONO},
        }
        (folder / "package.json").write_text(json.dumps(wanted))
        npm = program("npm", "npm of the distribution")
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        _install([npm, "install", "--prefix", str(folder), *quiet], "portkey")
    return package


def _install(command: list[str], name: str) -> None:
    """Run an installer. Raises Missing with the end of what it said."""
    print(f"installing {name} …", file=sys.stderr, flush=True)
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=INSTALL_S, env=environ
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines() or ["it said nothing"]
        raise Missing(f"{name}, which cannot be installed: {said[-1]}") from None
    except subprocess.TimeoutExpired:
        raise Missing(f"{name}, whose installation takes too long") from None


BEARER = (f"Authorization: Bearer {KEY}",)
OURS = (f"Authorization: Bearer {peers.KEY}",)
PASSED, TO_ANTHROPIC, FROM_ANTHROPIC = "OpenAI → OpenAI", "OpenAI → Anthropic", "Anthropic → OpenAI"
PURE = "Sluicegate, not compiled"


def _ways(headers: tuple[str, ...], *, openai: str, anthropic: str) -> list[Way]:
    return [
        Way(PASSED, CHAT, openai, headers),
        Way(TO_ANTHROPIC, CHAT, anthropic, headers),
        Way(FROM_ANTHROPIC, MESSAGES, openai, headers),
    ]


def contenders(provider_port: int) -> dict[str, Contender]:
    """Return all of them. Neither Portkey nor ferrogw takes Anthropic's API for an OpenAI model."""
    named = {"openai": "to-openai", "anthropic": "to-anthropic"}
    real = {"openai": OPENAI_MODEL, "anthropic": ANTHROPIC_MODEL}
    told = [
        Way(
            name,
            CHAT,
            real[vendor],
            (
                "Authorization: Bearer stand-in",
                f"x-portkey-provider: {vendor}",
                f"x-portkey-custom-host: http://127.0.0.1:{provider_port}/v1",
            ),
        )
        for name, vendor in ((PASSED, "openai"), (TO_ANTHROPIC, "anthropic"))
    ]
    proxy = Contender(peers.nginx_proxy, [Way(PASSED, CHAT, OPENAI_MODEL)])
    return {
        "nginx proxy_pass": proxy,
        "Sluicegate": Contender(ours, _ways(OURS, **named)),
        PURE: Contender(partial(ours, pure=True), _ways(OURS, **named)),
        "ferrogw": Contender(ferrogw, _ways(BEARER, **real)[:2]),
        "Portkey": Contender(portkey, told),
        "LiteLLM": Contender(litellm, _ways(BEARER, **named)),
    }
