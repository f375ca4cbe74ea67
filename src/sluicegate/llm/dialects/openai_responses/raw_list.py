"""Lists of things that say by their `type` what they are: each is read by a decoder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sluicegate.llm.dialects.openai_responses.call_shape import PLAIN, TYPED
from sluicegate.llm.failure import CallError, invalid
from sluicegate.llm.strict import read_strict

if TYPE_CHECKING:
    from msgspec import Raw

T = TypeVar("T")


def type_of(raw: Raw, at: str) -> str:
    """Return the type of an object; "" where it does not say. Raises CallError: it is none."""
    try:
        return TYPED.decode(raw).type or ""
    except msgspec.ValidationError:
        raise invalid(at, "neither an object, nor one with a text as its `type`") from None


def read_one(
    decoder: msgspec.json.Decoder[T], raw: Raw, at: str, *, drop: bool, dropped: list[str]
) -> T:
    """Read one thing strictly. Raises CallError that names its path from the root."""
    try:
        read, unknown = read_strict(decoder, bytes(raw), drop)
    except CallError as error:
        field = error.failure.field
        text = error.failure.message.removeprefix(f"`{field}`: ")
        raise invalid(f"{at}.{field}" if field else at, text) from None
    dropped += [f"{at}.{path}" for path in unknown]
    return read


def read_plain(raw: Raw) -> dict[str, Any]:
    """Read an object as it is."""
    return PLAIN.decode(raw)
