"""Fetches images and documents that a call gives only the URL of, where a model's settings say so.

For dialects that take no URLs. Only from hosts that are listed, by https or http on their usual
ports, never from private addresses, without redirects, and with a bound on size and time.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from sluicegate.errors import UpstreamError
from sluicegate.llm.canonical import Media, Message, Part, ToolResult
from sluicegate.llm.failure import CallError, Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.llm.canonical import Request
    from sluicegate.upstream.fetcher import Fetcher

MOST_BYTES: Final = 20 * 1024 * 1024
"""Of all in one call, as Gemini's bound for a request; Anthropic's is 32 MB, OpenAI's 50 MB."""
LONGEST_S: Final = 30.0
"""For all of them."""
MOST: Final = 20
"""In one call."""
TYPES: Final = ("image/", "application/pdf", "text/plain", "audio/", "video/")


def has_urls(request: Request) -> bool:
    """Whether anything in a call is given by its URL alone."""
    return any(_by_url(part) for message in request.messages for part in _parts(message.parts))


async def fetched(
    request: Request, hosts: Sequence[str], fetcher: Fetcher, until: float
) -> Request:
    """Return the call with data in place of URLs. Raises CallError: names what cannot be had."""
    messages: list[Message] = []
    count, room = 0, _Room()
    for message in request.messages:
        parts: list[Part] = []
        for part in message.parts:
            count += sum(_by_url(each) for each in _parts([part]))
            if count > MOST:
                raise _refused(part, f"more than {MOST} are not fetched")
            parts.append(await _with_data(part, hosts, fetcher, until, room))
        messages.append(replace(message, parts=parts))
    return replace(request, messages=messages)


class _Room:
    """How many bytes may still be fetched for a call."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MOST_BYTES


async def _with_data(
    part: Part, hosts: Sequence[str], fetcher: Fetcher, until: float, room: _Room
) -> Part:
    if isinstance(part, ToolResult):
        inner = [await _with_data(each, hosts, fetcher, until, room) for each in part.parts]
        return replace(part, parts=inner)
    if not isinstance(part, Media) or part.url is None or not _by_url(part):
        return part
    try:
        parts = urlsplit(part.url)
    except ValueError:
        raise _refused(part, "it is not a URL") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or parts.username is not None:
        raise _refused(part, "only plain http and https URLs are fetched")
    if not any(_is_host(host, pattern) for pattern in hosts):
        raise _refused(part, "the gateway does not fetch from this host")
    try:
        media, data = await fetcher.get(part.url, room.left, until)
    except UpstreamError:
        raise _refused(part, "it could not be fetched") from None
    room.left -= len(data)
    kind = media or part.media_type
    if not kind.startswith(TYPES):
        raise _refused(part, "what is there is of a type that is not passed on")
    return replace(part, url=None, data=base64.b64encode(data).decode(), media_type=kind)


def _parts(parts: Sequence[Part]) -> list[Part]:
    found: list[Part] = []
    for part in parts:
        found.append(part)
        if isinstance(part, ToolResult):
            found += part.parts
    return found


def _is_host(host: str, pattern: str) -> bool:
    """Whether a host is `example.com`, or `*.example.com`."""
    pattern = pattern.lower()
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _by_url(part: Part) -> bool:
    return isinstance(part, Media) and part.url is not None and not part.url.startswith("data:")


def _refused(part: Part, message: str) -> CallError:
    at = getattr(part, "at", "")
    text = f"`{at}`: {message}"
    return CallError(
        Failure(kind="invalid_request", status=400, message=text, field=at or None, ours=True)
    )
