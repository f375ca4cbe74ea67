"""Bounds on what is fetched, and the order in which AWS signs a query."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from sluicegate.errors import UpstreamTooLarge
from sluicegate.journey.dispatch.model.images import MOST_BYTES, fetched
from sluicegate.llm.canonical import Media, Message, Part, Request
from sluicegate.llm.failure import CallError
from sluicegate.llm.sigv4 import _sorted
from sluicegate.upstream.fetcher import Fetcher


class Large:
    """Every image there takes two thirds of what a call may fetch."""

    async def get(self, _url: str, max_bytes: int, _until: float) -> tuple[str, bytes]:
        data = b"x" * (MOST_BYTES * 2 // 3)
        if len(data) > max_bytes:
            raise UpstreamTooLarge("too large")
        return "image/png", data


def test_all_images_of_a_call_share_one_bound() -> None:
    image = Media(kind="image", url="https://a.example/x.png")
    parts: list[Part] = [image, image]
    asked = Request(dialect="d", model="m", messages=[Message(role="user", parts=parts)])
    with pytest.raises(CallError):
        asyncio.run(fetched(asked, ["a.example"], cast("Fetcher", Large()), 7.0))


@pytest.mark.parametrize("query", ["a=1&a-b=2", "maxResults=1&max=2", "b=2&b=1", "a&a.b=1"])
def test_a_query_is_sorted_as_botocore_does(query: str) -> None:
    signing = SigV4Auth.__new__(SigV4Auth)
    asked = AWSRequest("GET", f"https://h/x?{query}")
    assert _sorted(query) == signing.canonical_query_string(asked)
