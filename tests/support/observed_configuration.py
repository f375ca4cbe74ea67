"""What the replicas of `observed_replicas` are given as their file: a little of everything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.certificates import Pair
from support.model_front import provider
from support.ports import free_port
from support.postgres import USERNAME

ANN, BOB = "the-long-key-of-ann", "the-long-key-of-bob"
PRICE = {"input": 100, "output": 1000}


@dataclass(frozen=True)
class Around:
    """What is around the replicas: URLs of servers, and files. `shops` are two targets."""

    shops: tuple[str, str]
    vendor: str
    spans: str
    state: str
    store: str
    pair: Pair
    token_file: Path


def written(at: Around) -> str:
    """Return the file of every replica."""
    return json.dumps({**_surroundings(at), **_policies(), **_places(at)})


def _surroundings(at: Around) -> dict[str, Any]:
    pair = {"certificate": str(at.pair.certificate), "key": str(at.pair.key)}
    return {
        "gateway": {"workers": 1, "tls": {"certificates": [pair]}},
        "admin": {"token_file": str(at.token_file)},
        "store": {
            "url": at.store,
            "username": USERNAME,
            "master_keys": {"main": "${env:MASTER}"},
        },
        "state": {"url": at.state, "timeout": "250ms"},
        "peppers": {"main": "${env:PEPPER}"},
        "tracing": {"endpoint": at.spans},
        "alerts": {
            "webhook": f"{at.shops[0]}/alerts",
            "private_networks": ["127.0.0.1"],
        },
    }


def _policies() -> dict[str, Any]:
    budget = {
        "name": "spend", "allow": ["0.5/day"], "reserve": "0.001", "alerts": [10, 90],
        "kind": "soft",
    }  # fmt: skip
    return {
        "policies": [
            {"metrics": {}},
            {"access_log": {}},
            {"traces": {"sample": 1}},
            {"archive": {"routes": ["ai"]}},
        ],
        "plans": {"staff": {"policies": [{"budget": budget}]}},
        "consumers": {
            "ann": {"plan": "staff", "keys": [{"value": ANN}]},
            "bob": {"keys": [{"value": BOB}]},
        },
    }


def _places(at: Around) -> dict[str, Any]:
    first, second = at.shops
    breaker = {"window": 10, "min_calls": 2, "open": "1s", "probes": 1}
    checks = {"path": "/health", "interval": "500ms"}
    rests = {"failures": 1, "time": "1s"}
    deployment = {"provider": "vendor", "model": "scenario-text", "price": PRICE}
    return {
        "services": {
            "shop": {"targets": [first, second], "check": checks, "breaker": breaker,
                     "retry": {"attempts": 2}},
            "gone": {"targets": [f"http://127.0.0.1:{free_port()}"]},
            "narrow": {"targets": [first],
                       "concurrency": {"limit": 1, "queue": {"size": 1, "time": "30s"}}},
            "search": {"targets": [first, second],
                       "hedge": {"percentile": 50, "max_share": 50, "min_delay": "10ms"}},
        },
        "providers": {"vendor": provider(at.vendor), "vouched": _vouched(at)},
        "models": {
            "small": {"deployments": [deployment]},
            "vouched": {"deployments": [{"provider": "vouched", "model": "gemini-x"}]},
            "moody": {
                "deployments": [deployment | {"model": "moody"}],
                "cooldown": rests, "max_wait": "0",
                "fallbacks": [{"model": "small", "on": ["rate_limited", "server_error"]}],
            },
        },
        "routes": {
            "shop": {"match": {"path": "/shop/**"}, "service": "shop", "policies": [
                {"rate_limit": {"allow": ["100/second burst 200"], "by": "ip", "name": "lent",
                                "mode": "leased"}},
                {"rate_limit": {"allow": ["1/hour"], "by": "ip", "name": "trial",
                                "shadow": True}},
            ]},
            "strict": {"match": {"path": "/strict"}, "service": "shop", "policies": [
                {"rate_limit": {"allow": ["1/hour"], "by": "ip", "name": "strict"}},
            ]},
            "own": {"match": {"path": "/own"}, "service": "shop", "policies": [
                {"auth_failures": {"allow": ["1000/minute"]}}, {"api_key": {}},
                {"concurrency": {"limit": 8}},
            ]},
            "kept": {"match": {"path": "/kept/**"}, "service": "shop", "policies": [
                {"exact": {"ttl": "2s", "shared": True}}, {"single_flight": {"shared": True}},
            ]},
            "drill": {"match": {"path": "/drill"}, "service": "shop", "policies": [
                {"fault": {"abort": {"status": 500, "share": 100}}},
            ]},
            "copied": {"match": {"path": "/copied"}, "service": "shop", "policies": [
                {"mirror": {"service": "search"}},
                {"json": {"response": {"set": {"b": 2}}}},
            ]},
            "gone": {"match": {"path": "/gone"}, "service": "gone"},
            "narrow": {"match": {"path": "/narrow/**"}, "service": "narrow"},
            "search": {"match": {"path": "/search/**"}, "service": "search"},
            "ai": {"match": {"path": "/v1/**"}, "ai": {}, "policies": [
                {"api_key": {}}, {"exact": {"ttl": "5s"}},
            ]},
        },
    }  # fmt: skip


def _vouched(at: Around) -> dict[str, Any]:
    """Return a provider whose credentials nobody renews: the shop gives no tokens."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "project_id": "p",
        "client_email": "gateway@example.org",
        "token_uri": f"{at.shops[0]}/token",
        "private_key": key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    }
    return {
        "kind": "vertex", "project": "p", "region": "r", "url": at.vendor,
        "credentials": json.dumps(account),
    }  # fmt: skip
