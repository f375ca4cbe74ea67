"""Which calls of models are identical: the same caller, model and body.

A body is compared by what it says: not by the order of its members, by space, or by how a text is
escaped. What says nothing of the answer is left out: `user`, `metadata`, `safety_identifier` and
`prompt_cache_*` (openai-python 3.54, `types/chat/completion_create_params.py`), `metadata`
(anthropic 2.12, `types/message_create_params.py`), `labels` (google-genai 3.4, `types.py`).
OpenAI's Responses repeat theirs in the answer, so that there they count.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.model import units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.llm.call import ModelCall
    from sluicegate.model.model import Model
    from sluicegate.upstream.models.pool import ModelPool

SAYS_NOTHING: Final[dict[str, tuple[str, ...]]] = {
    "openai_chat": (
        "user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention",
    ),
    "openai_completions": ("user",),
    "openai_embeddings": ("user",),
    "anthropic_messages": ("metadata",),
    "gemini_generate": ("labels",),
}  # fmt: skip
TOOLS: Final = ("tools", "functions")
"""In every dialect: openai `tools` and, before them, `functions`; anthropic and gemini `tools`."""
GOES_ON: Final = ("previous_response_id", "conversation", "background", "container")
"""What ties a call to objects that a provider keeps, and that change."""
KEEPS: Final = {"openai_responses": True, "openai_chat": False}
"""Dialects with objects that a provider keeps, and whether it does unless told otherwise."""
ABOUT_CALLER: Final = frozenset({b"http-referer", b"x-title"})
"""Headers for providers that say nothing of the answer."""

MOST_BODIES: Final = 4096
"""Bodies that were read and are known again, about 300 bytes each; past it they start anew."""

_DECODE: Final = msgspec.json.Decoder().decode
_ENCODE: Final = msgspec.json.Encoder().encode
_SORTED: Final = msgspec.json.Encoder(order="sorted").encode
_PACK: Final = msgspec.msgpack.Encoder().encode


class CallKeys:
    """Makes the keys of one policy."""

    __slots__ = ("_bodies", "_models", "_shared", "_tools", "_vary")

    def __init__(self, vary: Sequence[bytes], *, shared: bool, tools: bool) -> None:
        """`shared`: whoever asks. `tools`: also calls that may call tools."""
        self._vary = tuple(vary)
        self._shared = shared
        self._tools = tools
        self._models: dict[str, tuple[Model, bytes, tuple[bytes, ...]]] = {}
        self._bodies: dict[tuple[bytes, str, bool], bytes] = {}

    async def of(self, exchange: Exchange, call: ModelCall) -> bytes | None:
        """Return the key of a call; None for one that is like no other."""
        pool, endpoint = call.pool, call.endpoint
        if pool is None or endpoint.operation != "call":
            return None
        body, held = call.body, exchange.request.body
        if held is not None and held.replaced:
            body = await held.read(held.length or 0)
        said = self._said(body, endpoint.dialect, stream=call.stream)
        if said is None:
            return None
        config, forwards = self._model(pool)
        overrides = call.overrides
        parts = (
            "call",
            endpoint.dialect,
            endpoint.stream,
            endpoint.array,
            call.stream,
            call.asked,
            config,
            None if self._shared else (exchange.consumer_name or ""),
            None if overrides is None else overrides.deployment,
            values(exchange.request.headers, (*forwards, *self._vary)),
            said,
        )
        return sha256(_PACK(parts)).digest()

    def _said(self, body: bytes, dialect: str, *, stream: bool) -> bytes | None:
        """Return a digest of what a body says; None for one that is like no other.

        To read it takes much longer than to see that the same bytes were read before.
        """
        name = (sha256(body).digest(), dialect, stream)
        known = self._bodies.get(name)
        if known is not None:
            return known
        said = plain(body)
        if said is None or not self._fits(said, dialect):
            return None
        for each in SAYS_NOTHING.get(dialect, ()):
            said.pop(each, None)
        said.pop("model", None)
        if not said.pop("stream", stream):
            said.pop("stream_options", None)  # it asks for frames that there are none of
        if len(self._bodies) >= MOST_BODIES:
            self._bodies.clear()
        digest = self._bodies[name] = sha256(_SORTED(said)).digest()
        return digest

    def _fits(self, said: dict[str, Any], dialect: str) -> bool:
        if not self._tools and any(said.get(name) for name in TOOLS):
            return False
        if any(said.get(name) for name in GOES_ON):
            return False
        kept = KEEPS.get(dialect)
        if kept is None:
            return True
        asked = said.get("store")
        return not (kept if asked is None else asked)

    def _model(self, pool: ModelPool) -> tuple[bytes, tuple[bytes, ...]]:
        """Return what stands for a model's configuration, and headers that its providers get."""
        known = self._models.get(pool.name)
        if known is None or known[0] is not pool.config:
            written = msgspec.msgpack.encode(pool.config, enc_hook=units.encode_hook)
            passed: set[bytes] = set()
            for each in pool.deployments:
                passed |= each.link.facts.forwards
            headers = tuple(sorted(passed - ABOUT_CALLER))
            known = self._models[pool.name] = (pool.config, sha256(written).digest(), headers)
        return known[1], known[2]


def values(headers: Headers, names: Sequence[bytes]) -> list[list[bytes]]:
    """Return the values of headers, in the order of `names`."""
    return [headers.get_all(name) for name in names]


def plain(body: bytes) -> dict[str, Any] | None:
    """Read a JSON object; None where two readers of it may find two different things in it.

    Of a name that stands twice in an object, who answers may take the first and we the last: then
    one caller could have its answer kept under the key of another one's question.
    """
    try:
        said = _DECODE(body)
        if _ENCODE(said) != body:
            json.loads(body, object_pairs_hook=_unique)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) > 1 and len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
