r"""`json`: changes members of JSON bodies, on the way to the service and back.

A path is made of names with dots between them, `user.address.zip`; a dot that belongs to a name is
written `\.`. In an array a number names an element that is there, from 0: `items.0.id`. `remove`
comes before `set`. `set` makes objects that are missing on its way; where a path meets something
that is neither object nor array, or an element that is not there, nothing is changed. What no path
leads to stays as it is to the letter, long numbers too.

Only bodies of the type `application/json`, or one that ends in `+json`, are looked at, whatever the
status; the gateway's own answers are not. A compressed response cannot be read, so the service is
asked for plain ones (`Accept-Encoding: identity`) and for whole ones (no `Range`). A compressed
body that comes all the same, or one in a response that is no JSON, is passed on as it is, and
counted: what must not get out has to be kept in by the service. A JSON response larger than
`max_size` is answered with 502. Where a body was changed, digests of it are dropped and an `ETag`
becomes a weak one: the same version of the resource, other bytes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from sluicegate.errors import BAD_CONTENT, BODY_TOO_LARGE, Refused
from sluicegate.exchange import BODILESS
from sluicegate.model.resource import Resource
from sluicegate.model.units import Size
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.policy import Onward, Parts
    from sluicegate.wire.body import RequestBody

STEP = re.compile(r"((?:[^.\\]|\\.)+)(?:\.(?!$)|$)", re.DOTALL)
INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
MEDIA_TYPE = re.compile(
    rb"application/json|[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+\+json"
)
PLACE = re.compile(r"\(byte ([0-9]+)\)")
DIGESTS = frozenset((b"content-digest", b"repr-digest", b"digest", b"content-md5"))
"""Of the bytes: RFC 9530, and the two that it follows."""
PARTIAL = 206

Path = tuple[str, ...]
Held = dict[str, Any] | list[Any]
"""An object or array whose values are `msgspec.Raw` as long as nobody went into them."""


class Edit(Resource, frozen=True, kw_only=True):
    """What happens to a body, in the order `remove`, `set`."""

    remove: Annotated[list[str], Meta(description="Paths of what is dropped.")] = []
    set: Annotated[
        dict[str, Any], Meta(description="Path to value: any JSON, in place of what was there.")
    ] = {}

    def __post_init__(self) -> None:
        """Refuse what is no path."""
        for path in (*self.remove, *self.set):
            split(path)


class Config(PolicyConfig, frozen=True, kw_only=True):
    """What changes in which direction."""

    request: Annotated[Edit, Meta(description="On the way to the service.")] = Edit()
    response: Annotated[Edit, Meta(description="On the way to the client.")] = Edit()
    max_size: Annotated[
        Size,
        Meta(description="Largest JSON body; a request over it gets 413, a response becomes 502."),
    ] = Size(1048576)

    def __post_init__(self) -> None:
        """Refuse a policy that does nothing."""
        if not any((edit.remove or edit.set) for edit in (self.request, self.response)):
            raise ValueError("nothing changes: write `request`, `response` or both")


class Policy:
    """Reads bodies whole, and writes them anew where something changed."""

    __slots__ = ("_max", "_request", "_response", "_untouched")

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare both directions; one without changes costs nothing."""
        self._max = int(config.max_size)
        self._request = Changes(config.request)
        self._response = Changes(config.response)
        family = parts.metrics.family(
            "sluicegate_json_untouched_total",
            "counter",
            "JSON bodies that the policy `json` passed on as they were, by direction (request, "
            "response) and reason: `coded` (compressed), `malformed` (no JSON), `partial` (206).",
            ("scope", "direction", "reason"),
        )
        self._untouched = {
            (direction, reason): family.cell(parts.scope, direction, reason)
            for direction, reason in (
                ("request", "coded"),
                ("response", "coded"),
                ("response", "malformed"),
                ("response", "partial"),
            )
        }

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Change the request's body, and declare what happens to the response's."""
        request = exchange.request
        headers, body = request.headers, request.body
        if self._request and body is not None and _is_json(headers):
            if _is_coded(headers):
                self._untouched["request", "coded"].value += 1
            else:
                await self._change_request(headers, body)
        if self._response:
            headers.set(b"accept-encoding", b"identity")
            headers.remove(b"range")
            headers.remove(b"if-range")
            exchange.whole(self._max, self._change_response, self._holds_back)
        await onward(exchange)

    async def _change_request(self, headers: Headers, body: RequestBody) -> None:
        if body.length is not None and body.length > self._max:
            raise Refused(BODY_TOO_LARGE, f"JSON here is of at most {self._max} bytes")
        before = await body.read(self._max)
        if not before:
            return
        try:
            after = self._request.apply(before)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(BAD_CONTENT, _said(error)) from error
        if after is not None:
            body.replace(after)
            headers[:] = [pair for pair in headers if pair[0] not in DIGESTS]

    def _holds_back(self, exchange: Exchange) -> bool:
        """Say whether a response, whose head is there, is JSON that can be changed."""
        response = exchange.response
        if response is None or response.status in BODILESS or not _is_json(response.headers):
            return False
        if _is_coded(response.headers):
            self._untouched["response", "coded"].value += 1
            return False
        if response.status == PARTIAL:
            self._untouched["response", "partial"].value += 1
            return False
        response.headers.remove(b"accept-ranges")
        if exchange.request.method == "HEAD":
            # What GET would get is not known without its body; its length least of all.
            response.length = None
            _loosen(response.headers)
            return False
        return True

    async def _change_response(self, exchange: Exchange, body: bytes) -> bytes:
        response = exchange.response
        if response is None or not body:
            return body
        try:
            after = self._response.apply(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._untouched["response", "malformed"].value += 1
            return body
        if after is None:
            return body
        _loosen(response.headers)
        return after


class Changes:
    """An `Edit`, ready to be applied. False when it has none."""

    __slots__ = ("_remove", "_set")

    def __init__(self, edit: Edit) -> None:
        """Split the paths."""
        self._remove = [split(path) for path in edit.remove]
        self._set = [
            (split(path), msgspec.Raw(msgspec.json.encode(value)))
            for path, value in edit.set.items()
        ]

    def __bool__(self) -> bool:
        """Say whether there is something to do."""
        return bool(self._remove or self._set)

    def apply(self, body: bytes) -> bytes | None:
        """Return the changed body, None where nothing changes.

        Raises msgspec.MsgspecError, UnicodeDecodeError or RecursionError for what is no JSON.
        """
        body.decode()  # values that nobody goes into are not looked at later
        root = _opened(msgspec.Raw(body))
        if root is None:
            msgspec.json.decode(body, type=msgspec.Raw)
            return None
        changed = False
        for path in self._remove:
            changed |= _remove(root, path)
        for path, value in self._set:
            changed |= _set(root, path, value)
        return msgspec.json.encode(root) if changed else None


def split(path: str) -> Path:
    """Split a dotted path; raises ValueError for one with an empty step or a stray backslash."""
    steps: list[str] = []
    at = 0
    while at < len(path) or not steps:
        found = STEP.match(path, at)
        if found is None:
            raise ValueError(f"`{path}` is no path: write names with dots between, such as `a.b.0`")
        steps.append(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL))
        at = found.end()
    return tuple(steps)


def _remove(held: Held, path: Path) -> bool:
    *way, last = path
    inner: Held | None = held
    for step in way:
        inner = _enter(inner, step) if inner is not None else None
    if inner is None:
        return False
    place = _place(inner, last)
    if place is None:
        return False
    del inner[place]  # type: ignore[arg-type]  # a name in an object, a number in an array
    return True


def _set(held: Held, path: Path, value: msgspec.Raw) -> bool:
    """Put `value` at `path`. Looks first, so that a path that leads nowhere makes no objects."""
    inner = held
    for number, step in enumerate(path):
        if isinstance(inner, dict) and step not in inner:
            made: Any = value
            for name in reversed(path[number + 1 :]):
                made = {name: made}
            inner[step] = made
            return True
        place = _place(inner, step)
        if place is None:
            return False
        if number == len(path) - 1:
            inner[place] = value  # type: ignore[index]  # as above
            return True
        deeper = _enter(inner, step)
        if deeper is None:
            return False
        inner = deeper
    return False


def _place(held: Held, step: str) -> str | int | None:
    """Return under what an element is found, None where it is not there."""
    if isinstance(held, dict):
        return step if step in held else None
    return int(step) if INDEX.fullmatch(step) and int(step) < len(held) else None


def _enter(held: Held, step: str) -> Held | None:
    """Return the object or array at `step`, opened in its place; None for anything else."""
    place = _place(held, step)
    if place is None:
        return None
    value = held[place]  # type: ignore[index]  # as above
    if isinstance(value, msgspec.Raw):
        value = _opened(value)
        if value is not None:
            held[place] = value  # type: ignore[index]  # as above
    return value if isinstance(value, dict | list) else None


def _opened(raw: msgspec.Raw) -> Held | None:
    """Read one level of an object or array; None for a plain value."""
    first = bytes(memoryview(raw)[:64]).lstrip(b" \t\r\n")[:1] or bytes(raw).lstrip()[:1]
    if first == b"{":
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    if first == b"[":
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    return None


def _is_json(headers: Headers) -> bool:
    kind = headers.get(b"content-type")
    if kind is None:
        return False
    return MEDIA_TYPE.fullmatch(kind.partition(b";")[0].strip().lower()) is not None


def _is_coded(headers: Headers) -> bool:
    coding = headers.get(b"content-encoding")
    return coding is not None and coding.strip().lower() not in (b"identity", b"")


def _loosen(headers: Headers) -> None:
    """Take back what was said of the bytes: no digest, and no strong validator."""
    headers[:] = [
        (name, b"W/" + value if name == b"etag" and not value.startswith(b"W/") else value)
        for name, value in headers
        if name not in DIGESTS
    ]


def _said(error: Exception) -> str:
    """Say where a body stops being JSON, in words of our own."""
    found = PLACE.search(str(error))
    if found is not None:
        return f"the body is no JSON near byte {found[1]}"
    if isinstance(error, UnicodeDecodeError):
        return f"the body is no JSON near byte {error.start}"
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    return "the body is no JSON near its end"
