"""Ids of objects that a provider keeps, bound to that provider and to the consumer.

A stored response is asked for by its id alone, and all consumers share the provider's account. So
an id goes out with a seal behind it, `resp_abc.<22 characters>`: an HMAC under the provider's key
of who has made the object where. It tells which provider to ask, and nobody else can use the id.
A provider's key that is exchanged for another makes older ids unknown; a provider without a key
keeps nothing that needs a seal.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.failure import CallError, Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluicegate.exchange import Exchange
    from sluicegate.journey.dispatch.model.passage import Rename
    from sluicegate.llm.call import ModelCall
    from sluicegate.upstream.provider_link import ProviderLink

SEAL: Final = 22
"""Characters of a seal: 132 bits in base64url."""
TEXT: Final = msgspec.json.Decoder(str | None)
ENCODE: Final = msgspec.json.Encoder().encode


class _Identified(msgspec.Struct):
    id: str = ""


OBJECT: Final = msgspec.json.Decoder(_Identified)
GOES_ON: Final = "previous_response_id"
"""Member of a call that names an object which it goes on with."""
CONVERSATION: Final = "conversation"
"""Member that names a conversation of the provider's account, which belongs to nobody of ours."""
REFERENCE: Final = "item_reference"
OWNER: Final = "sluicegate_consumer"
"""Metadata of a stored chat completion, by which a list is of one's own only."""
NOBODY: Final = "-"
"""The owner, in metadata, of what callers without a consumer have made; no consumer's name."""
MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ObjectSealing:
    """Seals what one exchange makes at one provider."""

    __slots__ = ("_link", "_owner")

    def __init__(self, exchange: Exchange, link: ProviderLink) -> None:
        """Bind to the caller."""
        self._link = link
        self._owner = exchange.consumer_name or ""

    def changes(self, call: ModelCall) -> dict[str, bytes]:
        """Say whose it is, and give back an id that was sealed. Raises CallError."""
        changes: dict[str, bytes] = {}
        bare = self.goes_on(call)
        if bare is not None:
            changes[GOES_ON] = ENCODE(bare)
        if call.endpoint.dialect == "openai_chat":
            changes["metadata"] = _owned(call.fields.get("metadata"), self._owner)
        return changes

    def goes_on(self, call: ModelCall) -> str | None:
        """Return the provider's own id of what a call goes on with. Raises CallError."""
        sealed = named(call)
        if sealed is None:
            return None
        bare = opened(sealed, self._owner, self._link)
        if bare is None:
            raise CallError(no_object(sealed, GOES_ON))
        return bare

    def rename(self, id_: str) -> Rename:
        """Seal an id."""
        return ENCODE(id_), ENCODE(sealed(id_, self._owner, self._link))

    def rename_in(self, body: bytes) -> Rename | None:
        """Seal the id of a whole object."""
        try:
            found = OBJECT.decode(body).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return self.rename(found) if found else None


class _Item(msgspec.Struct):
    """As much of an item of `input` as tells whether it only names one that is kept."""

    type: str | None = None
    id: str | None = None
    role: str | None = None


ITEMS: Final = msgspec.json.Decoder(list[_Item])


def named(call: ModelCall) -> str | None:
    """Return the id of the object that a call goes on with, as the caller has it."""
    raw = call.fields.get(GOES_ON)
    if raw is None:
        return None
    try:
        text: str | None = TEXT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return text


def check_names(call: ModelCall) -> None:
    """Look whether a call names what the provider keeps for its account, whoever has made it.

    Raises CallError: conversations, and items that are named instead of said.
    """
    conversation = call.fields.get(CONVERSATION)
    if conversation is not None and bytes(conversation) != b"null":
        raise CallError(unbound(CONVERSATION, "conversations"))
    said = call.fields.get("input")
    if said is None or bytes(memoryview(said)[:1]) != b"[":
        return
    try:
        items = ITEMS.decode(said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # the provider says what is wrong with it
    for place, item in enumerate(items):
        bare = item.type is None and item.role is None and item.id is not None
        if bare or item.type == REFERENCE:
            raise CallError(unbound(f"input[{place}]", "items that are named"))


def sealed(id_: str, owner: str, link: ProviderLink) -> str:
    """Return an id with its seal; as it is where the provider has no key to seal it under."""
    return f"{id_}.{_seal(id_, owner, link)}" if link.binds else id_


def opened(text: str, owner: str, link: ProviderLink) -> str | None:
    """Return the provider's own id; None where it is not its, or not the caller's."""
    id_, dot, seal = text.rpartition(".")
    if (
        not dot
        or not link.binds
        or not hmac.compare_digest(seal.encode(), _seal(id_, owner, link).encode())
    ):
        return None
    return id_


def maker(text: str, owner: str, links: Iterable[ProviderLink]) -> tuple[ProviderLink, str] | None:
    """Return who has made the object of an id, and its own id there."""
    for link in links:
        id_ = opened(text, owner, link)
        if id_ is not None:
            return link, id_
    return None


def owned(body: bytes, owner: str) -> bytes:
    """Return an update of an object; new metadata is all it has then, so the owner is in it."""
    try:
        fields = MEMBERS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body  # the provider says what is wrong with it
    if "metadata" not in fields:
        return body
    fields["metadata"] = msgspec.Raw(_owned(fields["metadata"], owner))
    return ENCODE(fields)


def unbound(field: str, what: str) -> Failure:
    """Say that something of the provider's account is not for callers."""
    message = f"`{field}`: {what} belong to the provider's account, not to callers of ours"
    return Failure(kind="unsupported", status=400, message=message, field=field, ours=True)


def no_object(id_: str, field: str | None = None) -> Failure:
    """Say that there is no such object, at least not for this caller."""
    return Failure(
        kind="not_found",
        status=404,
        message=f"there is no object `{id_[:128]}` of yours here",
        code="object_not_found",
        field=field,
        ours=True,
    )


def _seal(id_: str, owner: str, link: ProviderLink) -> str:
    mac = link.mac(f"object\0{link.name}\0{owner}\0{id_}".encode())
    return mac[:SEAL]


def _owned(raw: msgspec.Raw | None, owner: str) -> bytes:
    """Return metadata with the owner in it; what is no object is the provider's to refuse."""
    try:
        metadata = {} if raw is None else msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        metadata = None
    if metadata is None:
        metadata = {}
    if not isinstance(metadata, dict):
        return bytes(raw or b"null")
    return ENCODE(metadata | {OWNER: owner or NOBODY})
