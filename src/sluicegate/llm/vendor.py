"""A provider made of facts: what nearly all of `providers/` are, and what they share.

A vendor that differs by more than facts extends `Vendor` in its own file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.provider import Place
from sluicegate.llm.stream_usage import STREAMS

if TYPE_CHECKING:
    from sluicegate.llm.provider import Auth
    from sluicegate.model.provider import Provider as ProviderConfig

Fields = dict[str, msgspec.Raw]
"""A JSON object whose values are left as they are."""

READ_FIELDS: Final = msgspec.json.Decoder(Fields)
READ_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
SYSTEM: Final = msgspec.Raw(b'"system"')

CHAT: Final = {"openai_chat": Place("/chat/completions")}
RESPONSES: Final = {"openai_responses": Place("/responses")}
COMPLETIONS: Final = {"openai_completions": Place("/completions")}
EMBEDDINGS: Final = {"openai_embeddings": Place("/embeddings")}
MESSAGES: Final = {"anthropic_messages": Place("/messages")}
COUNT_TOKENS: Final = {"anthropic_count_tokens": Place("/messages/count_tokens")}
"""Paths of openai-python 3.54 (`resources/`) and anthropic-sdk-python 2.12 behind their `/v1`."""

ANTHROPIC_VERSION: Final = (b"anthropic-version", b"2023-06-01")
"""For who says none: as our own writer of that dialect. The SDK says 2026-10-21 itself."""
ANTHROPIC_FORWARDS: Final = frozenset({b"anthropic-version", b"anthropic-beta"})


@dataclass(kw_only=True, eq=False)
class Vendor:
    """A provider; the fields are those of `llm.provider.Provider`.

    `extra_places` are of dialects that are spoken only where the configuration's `dialects` names
    them. `renamed` are fields of an `openai_chat` body that the vendor calls otherwise, `needless`
    those that it does without or refuses, though what they ask for happens anyway.
    `as_system`: it does not know the role `developer`. `usage_asked`: its streams of OpenAI's say
    what they used where they are asked; False where they do so anyway, or cannot be asked.
    """

    kind: str
    url: str = ""
    auth: Auth = "bearer"
    key_header: bytes = b""
    places: Mapping[str, Place]
    extra_places: Mapping[str, Place] = field(default_factory=dict)
    headers: Sequence[tuple[bytes, bytes]] = ()
    forwards: frozenset[bytes] = frozenset()
    proxied: str = ""
    required: Sequence[str] = ("key",)
    renamed: Mapping[str, str] = field(default_factory=dict)
    needless: Sequence[str] = ()
    as_system: bool = False
    usage_asked: bool = True

    def base(self, config: ProviderConfig) -> str:
        """Return the URL in front of every path: as configured, or the vendor's own."""
        return (config.url or self.url.format(region=config.region or "")).rstrip("/")

    def spoken(self, config: ProviderConfig) -> Mapping[str, Place]:
        """Return the places of the dialects that are spoken, preferred first, as configured."""
        if config.dialects is None:
            return self.places
        known = {**self.extra_places, **self.places}
        return {name: known[name] for name in config.dialects if name in known}

    def dialects_of(self, model: str) -> Sequence[str] | None:  # noqa: ARG002 - of a contract
        """Return None: every model is spoken to in every dialect."""
        return None

    def dialect_for(self, model: str) -> str:
        """Return the preferred chat dialect for one of its models."""
        return next(iter(self.dialects_of(model) or self.places))

    def fit(self, dialect: str, body: Outgoing, *, model: str, stream: bool) -> Outgoing:  # noqa: ARG002 - of a contract
        """Change a body where the vendor differs from the dialect; the same one if it does not."""
        if dialect != "openai_chat" or not (self.renamed or self.needless or self.as_system):
            return body
        return Outgoing(rewritten(body.body, self._change), body.headers)

    def asks_usage(self, dialect: str, config: ProviderConfig) -> bool:  # noqa: ARG002 - of a contract
        """Whether a stream says what it used only where it is asked to."""
        return self.usage_asked and dialect in STREAMS

    def check(self, config: ProviderConfig) -> list[tuple[str, str]]:
        """Find fault with dialects that are not spoken here."""
        known = {**self.places, **self.extra_places}
        return [
            ("dialects", f"found `{name}`; `{self.kind}` speaks {', '.join(known)}")
            for name in config.dialects or ()
            if name not in known
        ]

    def _change(self, fields: Fields) -> bool:
        changed = False
        for name, theirs in self.renamed.items():
            if name in fields:
                fields.setdefault(theirs, fields[name])
                del fields[name]
                changed = True
        for name in self.needless:
            changed = fields.pop(name, None) is not None or changed
        if self.as_system and "messages" in fields:
            messages = bytes(fields["messages"])
            if b'"developer"' in messages:
                fields["messages"] = msgspec.Raw(_without_developers(messages))
                changed = True
        return changed


def rewritten(body: bytes, change: Callable[[Fields], bool]) -> bytes:
    """Return a JSON object after `change`, which says whether it did any; else the same bytes.

    What is no JSON object stays: the vendor has its own words for that.
    """
    try:
        fields = READ_FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body
    return msgspec.json.encode(fields) if change(fields) else body


def _without_developers(messages: bytes) -> bytes:
    try:
        changed = [_as_system(bytes(each)) for each in READ_LIST.decode(messages)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return messages
    return b"[" + b",".join(changed) + b"]"


def _as_system(message: bytes) -> bytes:
    if b'"developer"' not in message:
        return message
    fields = READ_FIELDS.decode(message)
    if bytes(fields.get("role", b"")) != b'"developer"':
        return message
    fields["role"] = SYSTEM
    return msgspec.json.encode(fields)
