"""Values that Kubernetes or the gateway would refuse half way: helm does so before, by name."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.test_chart_refusals import names, nested, refusal
from support.helm import HELMS

OUTSIDE = {"valkey": {"enabled": False}, "state": {"url": "rediss://state.example:10000"}}

FORMS = [
    ("image.repository", "registry.example/sluicegate:1.2"),
    ("valkey.image.repository", "valkey/valkey:9"),
    ("database.host", "db.example:5432"),
    ("database.host", "postgresql://db.example"),
    ("ingress.hosts", ["https://a.example"]),
    ("httpRoute.hostnames", ["a.example/shop"]),
    ("secrets.peppers", ["1", "1"]),
    ("state.url", "rediss://user:hunter2@state.example:6379"),
]

LESS_THAN_ASKED = [
    ("gateway.resources.limits.cpu", "1"),
    ("gateway.resources.limits.memory", "256Mi"),
    ("migrations.resources.limits.memory", "128Mi"),
    ("valkey.resources.limits.memory", "512Mi"),
    ("valkey.sentinel.resources.limits.memory", "16Mi"),
]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(("path", "value"), FORMS)
def test_what_is_no_name_or_address_is_refused(path: str, value: object, helm: str) -> None:
    assert names(path, refusal(nested(path, value), helm))


@pytest.mark.parametrize(("path", "value"), LESS_THAN_ASKED)
def test_a_limit_below_the_request_is_refused(path: str, value: str) -> None:
    assert f"{path}: {value} is less than the request" in refusal(nested(path, value), "helm4")


def test_a_state_whose_port_nobody_may_reach_is_refused() -> None:
    outside: dict[str, Any] = {**OUTSIDE, "networkPolicy": {"egress": {"statePorts": [6379]}}}
    told = refusal(outside, "helm4")
    assert "networkPolicy.egress.statePorts: expected 10000 among them" in told
