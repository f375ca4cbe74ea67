from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, cast

import pytest

from sluicegate.errors import ConnectFailed, UpstreamTooLarge
from sluicegate.journey.dispatch.model.images import MOST, fetched, has_urls
from sluicegate.llm.canonical import Media, Message, Part, Request, Text, ToolResult
from sluicegate.llm.failure import CallError, Failure

AT = "messages[0].content[1]"
HOSTS = ("img.example.com", "*.cdn.example.com")


class Internet:
    """What is there by URL, and what was asked for. It stands for the open internet."""

    def __init__(self, *, media: str = "image/png", error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self._media = media
        self._error = error

    async def get(self, url: str, max_bytes: int, until: float) -> tuple[str, bytes]:
        assert max_bytes > 0
        assert until == 7.0
        self.asked.append(url)
        if self._error is not None:
            raise self._error
        return self._media, b"\x89PNG"


def image(url: str | None = "https://img.example.com/a.png", **more: Any) -> Media:
    return Media(kind="image", url=url, at=AT, **more)


def request(*parts: Part) -> Request:
    turn = Message(role="user", parts=[Text(text="What is this?"), *parts])
    return Request(dialect="d", model="m", messages=[turn])


def fetch(
    asked: Request, internet: Internet | None = None, hosts: Sequence[str] = HOSTS
) -> list[Part]:
    there = cast("Any", internet or Internet())
    return asyncio.run(fetched(asked, hosts, there, 7.0)).messages[0].parts[1:]


def refused(
    asked: Request, internet: Internet | None = None, hosts: Sequence[str] = HOSTS
) -> Failure:
    with pytest.raises(CallError) as error:
        fetch(asked, internet, hosts)
    assert error.value.failure.kind == "invalid_request"
    assert error.value.failure.field == AT
    return error.value.failure


def test_data_takes_the_place_of_a_url() -> None:
    (part,) = fetch(request(image(detail="high")))
    assert part == Media(
        kind="image",
        data=base64.b64encode(b"\x89PNG").decode(),
        media_type="image/png",
        detail="high",
        at=AT,
    )


def test_so_it_does_in_what_a_tool_gave() -> None:
    (part,) = fetch(request(ToolResult(id="call_0", parts=[Text(text="see"), image()])))
    assert isinstance(part, ToolResult)
    assert isinstance(part.parts[1], Media)
    assert part.parts[1].url is None


def test_the_callers_own_request_is_left_as_it_was() -> None:
    asked = request(image())
    fetch(asked)
    assert has_urls(asked)


@pytest.mark.parametrize("url", [None, "data:image/png;base64,AAAA"])
def test_what_has_its_data_with_it_is_not_fetched(url: str | None) -> None:
    internet = Internet()
    asked = request(image(url, data="AAAA" if url is None else None), image())
    given = asked.messages[0].parts[1]
    assert fetch(asked, internet)[0] == given
    assert internet.asked == ["https://img.example.com/a.png"]
    assert not has_urls(request(given))


@pytest.mark.parametrize(
    "url",
    [
        "https://img.example.com/a.png",
        "http://IMG.example.com/a.png",
        "https://a.cdn.example.com/a.png",
        "https://a.b.cdn.example.com:443/a.png?x=1",
    ],
)
def test_hosts_that_are_listed_are_asked(url: str) -> None:
    internet = Internet()
    fetch(request(image(url)), internet)
    assert internet.asked == [url]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "https://cdn.example.com/a.png",
        "https://img.example.com.evil.test/a.png",
        "https://evilcdn.example.com/a.png",
        "https://img.example.com@evil.test/a.png",
        "https://evil.test\\@img.example.com/a.png",
        "https://user:secret@img.example.com/a.png",
        "https://img.example.com./a.png",
        "https:///a.png",
        "file:///etc/passwd",
        "gs://img.example.com/a.png",
        "//img.example.com/a.png",
        "http://[::1/a.png",
        "http://169.254.169.254/latest",
        "",
    ],
)
def test_nobody_else_is(url: str) -> None:
    internet = Internet()
    refused(request(image(url)), internet)
    assert internet.asked == []


def test_a_host_is_listed_in_any_case() -> None:
    internet = Internet()
    fetch(request(image()), internet, ["IMG.Example.com"])
    assert internet.asked


@pytest.mark.parametrize("error", [ConnectFailed("10.0.0.1"), UpstreamTooLarge("too large")])
def test_what_cannot_be_had_is_named_by_its_place_and_nothing_of_the_network_is_told(
    error: Exception,
) -> None:
    failure = refused(request(image()), Internet(error=error))
    assert failure.message == f"`{AT}`: it could not be fetched"


@pytest.mark.parametrize("media", ["text/html", "application/json", ""])
def test_only_what_a_model_can_look_at_is_passed_on(media: str) -> None:
    refused(request(image()), Internet(media=media))


def test_the_callers_word_for_the_type_counts_where_nobody_else_says_it() -> None:
    (part,) = fetch(request(image(media_type="image/webp")), Internet(media=""))
    assert isinstance(part, Media)
    assert part.media_type == "image/webp"


def test_there_is_a_bound_on_how_many_are_fetched() -> None:
    internet = Internet()
    refused(request(*[image() for _ in range(MOST + 1)]), internet)
    assert len(internet.asked) <= MOST
