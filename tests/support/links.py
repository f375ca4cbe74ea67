"""Providers at run time, for tests that connect to nothing.

made = link(kind="openai", key="sk-key-of-openai")
"""

from __future__ import annotations

import json
from typing import Any

from sluicegate.clock import Clock
from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.providers import find
from sluicegate.metrics import Metrics
from sluicegate.model.provider import Provider
from sluicegate.model.units import convert
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.provider_link import ProviderLink
from support.services import surroundings

ACCOUNTS: dict[str, dict[str, Any]] = {
    "azure": {"url": "https://example.services.ai.azure.com"},
    "bedrock": {
        "region": "us-east-1",
        "key": None,
        "aws": {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "aws-secret-of-the-gateway"},
    },
    "ollama": {"key": None},
    "openai_compatible": {"url": "https://llm.example.com/v1"},
    "vertex": {"region": "europe-west1", "project": "a-project", "key": None},
    "vllm": {"url": "http://10.0.0.7:8000/v1"},
}
"""What a provider of each kind cannot do without, beside `key`."""
KEY = "key-of-the-gateway"
CONTEXTS = ClientContexts()
"""Of every link: to load the system's authorities for each would take most of a test's time."""


def settings(kind: str, **others: Any) -> Provider:
    """Return a whole configuration of a kind."""
    return convert({"kind": kind, "key": KEY, **ACCOUNTS.get(kind, {}), **others}, Provider)


def link(kind: str, clock: Clock | None = None, **others: Any) -> ProviderLink:
    """Build the provider `p`."""
    shared = surroundings(clock, metrics=Metrics(), contexts=CONTEXTS)
    return ProviderLink("p", settings(kind, **others), shared, shared.metrics)


def parsed(head: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    """Return method, target and fields of a head; fails where it is none."""
    assert head.endswith(b"\r\n\r\n")
    first, *lines = head[:-4].decode("ascii").split("\r\n")
    method, target, version = first.split(" ")
    assert version == "HTTP/1.1"
    return method, target, [(name, value) for name, _, value in (x.partition(": ") for x in lines)]


def places(kind: str, **others: Any) -> dict[str, str]:
    """Return the URL of each dialect that is spoken, for the model `m`."""
    made = link(kind, **others)
    scheme = find(kind).base(made.config).partition(":")[0]
    line = {name: made._line(name, "m", stream=False) for name in made.dialects}
    return {
        name: f"{scheme}://{made._host}{each.path}" + (f"?{each.query}" if each.query else "")
        for name, each in line.items()
    }


def shown(kind: str, dialect: str = "", **others: Any) -> list[str]:
    """Return the headers in which a call shows the key."""
    made = link(kind, **others)
    head = made.head(dialect or made.dialects[0], "m", stream=False, body=b"{}")
    key = others.get("key") or KEY
    return [name for name, value in parsed(head)[2] if value in (key, f"Bearer {key}")]


def fitted(kind: str, body: Any, dialect: str = "openai_chat") -> Any:
    """Return a body as the vendor is sent it."""
    sent = find(kind).fit(dialect, Outgoing(json.dumps(body).encode()), model="m", stream=False)
    return json.loads(sent.body)
