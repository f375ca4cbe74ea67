"""What of a call keeps it with its prompt cache: a number that stands for it; see `hash_key`.

Providers cache by the beginning of a prompt, so what belongs together is what begins alike: what
the system says, the tools, and the first message of somebody else. They stand in members of the
body that differ by dialect and are compared as bytes, never read: a client that repeats a
conversation repeats those. Members: openai_chat `messages`, `tools`; openai_responses
`instructions`, `input`; anthropic_messages `system`; gemini_generate `systemInstruction`,
`contents`; see the dialects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

from sluicegate.upstream.hash_key import key_of

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

StickyKey = Callable[["Exchange", Mapping[str, Raw]], int | None]
"""From an exchange and the members of its body to a number of 64 bits, or None."""

STANDING: Final = ("system", "instructions", "systemInstruction", "system_instruction", "tools")
"""Members that say the same in all turns of a conversation."""
TURNS: Final = ("messages", "input", "contents")
"""Members that hold turns, the first one first; a text alone is the only turn."""
SYSTEM: Final = frozenset({"system", "developer"})
MOST_LED: Final = 8
"""Turns of the system in front of the first of the user that are looked at."""
NAMED: Final = ("user", "prompt_cache_key")
"""Members that say who a call is for (openai_chat, openai_responses)."""


class _Turn(msgspec.Struct):
    """As much of a turn as tells who speaks."""

    role: str = ""


class _Metadata(msgspec.Struct):
    """As much of `metadata` (anthropic_messages) as tells who a call is for."""

    user_id: str | None = None


ITEMS: Final = msgspec.json.Decoder(list[Raw])
TURN: Final = msgspec.json.Decoder(_Turn)
METADATA: Final = msgspec.json.Decoder(_Metadata)
TEXT: Final = msgspec.json.Decoder(str)


def sticky_key_of(by: str) -> StickyKey:
    """Compile `by` of a model's `sticky`; see `model.model.Sticky`."""
    if by == "prompt":
        return _prompt
    if by == "user":
        return _user
    if by == "consumer":
        return _consumer
    if by == "key":
        return _key
    return _header(by.removeprefix("header:").lower().encode("ascii"))


def _prompt(_exchange: Exchange, fields: Mapping[str, Raw]) -> int | None:
    digest = blake2b(digest_size=8)
    found = False
    for name in STANDING:
        raw = fields.get(name)
        if raw is not None:
            digest.update(name.encode())
            digest.update(raw)
            found = True
    for name in TURNS:
        raw = fields.get(name)
        if raw is not None:
            for turn in _first_turns(raw):
                digest.update(turn)
            found = True
    return int.from_bytes(digest.digest(), "big") if found else None


def _first_turns(raw: Raw) -> list[Raw]:
    """Return the turns of the system that stand in front, and the first of somebody else."""
    try:
        turns = ITEMS.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [raw]
    first: list[Raw] = []
    for turn in turns[:MOST_LED]:
        first.append(turn)
        if _role(turn) not in SYSTEM:
            break
    return first


def _role(turn: Raw) -> str:
    try:
        return TURN.decode(turn).role
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _user(_exchange: Exchange, fields: Mapping[str, Raw]) -> int | None:
    try:
        for name in NAMED:
            raw = fields.get(name)
            if raw is not None and (user := TEXT.decode(raw)):
                return key_of(user.encode())
        metadata = fields.get("metadata")
        if metadata is not None and (said := METADATA.decode(metadata).user_id):
            return key_of(said.encode())
    except (msgspec.DecodeError, UnicodeError):
        return None  # the dialect's reader says what is wrong with it
    return None


def _consumer(exchange: Exchange, _fields: Mapping[str, Raw]) -> int | None:
    name = exchange.consumer_name
    return key_of(name.encode()) if name else None


def _key(exchange: Exchange, _fields: Mapping[str, Raw]) -> int | None:
    key_id = exchange.key_id
    return key_of(key_id.encode()) if key_id else None


def _header(name: bytes) -> StickyKey:
    def read(exchange: Exchange, _fields: Mapping[str, Raw]) -> int | None:
        value = exchange.request.headers.get(name)
        return key_of(value) if value else None

    return read
