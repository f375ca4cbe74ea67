"""What a call asks for, in every dialect's spelling."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from google.genai import types as google
from openai.types.responses.service_tier import ServiceTier

from sluicegate.llm.tiers import TRAFFIC, asked_tier


def fields(**said: Any) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in said.items()}


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "auto"}, ""),
        ({"service_tier": None}, ""),
        ({"service_tier": 7}, ""),
        ({"serviceTier": "FLEX"}, "flex"),
        ({"serviceTier": "SERVICE_TIER_PRIORITY"}, "priority"),
        ({"serviceTier": "unspecified"}, ""),
        ({"serviceTier": {"type": "flex"}}, "flex"),
        ({"serviceTier": {"type": []}}, ""),
        ({"speed": "fast"}, "fast"),
        ({"speed": "standard", "service_tier": "standard_only"}, "standard_only"),
        ({"speed": "fast", "service_tier": "auto"}, "fast"),
        ({}, ""),
    ],
)
def test_the_tier_that_a_call_asks_for(said: dict[str, Any], tier: str) -> None:
    assert asked_tier(fields(**said)) == tier


def test_deep_nonsense_is_no_tier() -> None:
    deep = msgspec.Raw(b'{"type":' * 5000 + b"1" + b"}" * 5000)

    assert asked_tier({"service_tier": deep, "speed": msgspec.Raw(b"{")}) == ""


def test_every_type_of_traffic_that_google_knows_has_a_word() -> None:
    known = {one.value for one in google.TrafficType}

    assert set(TRAFFIC) == known - {"TRAFFIC_TYPE_UNSPECIFIED"}
    assert {one.value for one in google.ServiceTier} - {"unspecified"} <= set(TRAFFIC.values())


def test_openai_has_no_tier_that_nobody_has_looked_at() -> None:
    known = {word for one in get_args(ServiceTier) for word in get_args(one)}

    assert known == {"auto", "default", "flex", "scale", "priority", "fast", "ultrafast"}
