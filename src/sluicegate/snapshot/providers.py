"""What the types cannot say of providers: what each vendor needs, and which texts are secret.

What a file says of a provider is shown as it is written, and what is stored too; so a secret there
is a reference, or in a file at least left out of what is shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sluicegate.snapshot.faults import hint
from sluicegate.snapshot.places import place_of, written
from sluicegate.snapshot.references import refers
from sluicegate.wire.http1.names import HOP_BY_HOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluicegate.model.provider import Provider
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place

SECRET_FIELDS: Final = (
    ("key",),
    ("aws", "access_key_id"),
    ("aws", "secret_access_key"),
    ("aws", "session_token"),
    ("credentials",),
)
SECRET_HEADER: Final = re.compile(
    r"auth|key|token|secret|cookie|credential|password", re.IGNORECASE
)
"""Names of fields whose values are secret, as far as a name tells: `x-api-key`, `cf-aig-…`."""
NOT_SHOWN: Final = "(not shown)"
BY_REFERENCE: Final = (
    "what is stored is shown to whoever may read it; keep the text with "
    "`sluicegate secret set NAME`, and write `${secret:NAME}`"
)
OURS: Final = HOP_BY_HOP | {
    b"accept", b"accept-encoding", b"connection", b"content-length", b"content-type", b"expect",
    b"host", b"transfer-encoding", b"upgrade",
}  # fmt: skip
"""Fields that are written for every call."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_VALUE = re.compile(r"([!-~\x80-\xff]([ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?\Z")
"""RFC 9110, section 5.5, as Latin-1."""


def check(draft: Draft, document: Document) -> None:
    """Complain about providers that cannot be spoken to."""
    for name, provider in document.providers.items():
        place: Place = ("providers", name)
        given = draft.data["providers"][name]
        for field, message in provider_faults(provider):
            # A field that has a fault of its own is given, though it is not in the provider.
            if getattr(provider, field, "") is not None or given.get(field) is None:
                draft.complain((*place, *place_of(field)), message)
        for header, value in provider.headers.items():
            fault = _header_fault(header, value)
            if fault is not None:
                draft.complain((*place, "headers", header), fault)
        if not draft.source.has_file:
            _check_secrets(draft, place, given)


def _check_secrets(draft: Draft, place: Place, given: object) -> None:
    astray = {fault.path for fault in draft.faults}  # references that lead nowhere
    for part in secrets_in(given):
        where = (*place, *part)
        if where not in draft.references and written(where) not in astray:
            draft.complain(where, BY_REFERENCE)


def provider_faults(config: Provider) -> list[tuple[str, str]]:
    """Return what a provider's vendor finds wrong with it: (field, message)."""
    from sluicegate.llm import providers  # noqa: PLC0415 - only where there are any

    try:
        facts = providers.find(config.kind)
    except KeyError:
        known = providers.kinds()
        meant = hint(config.kind, known) or f"; expected one of {', '.join(known)}"
        return [("kind", f"there is no kind of provider `{config.kind}`{meant}")]
    faults = [
        (field, f"nothing given; a provider of the kind `{config.kind}` needs it")
        for field in facts.required
        if getattr(config, field) is None
    ]
    return [*faults, *_dialect_faults(config), *facts.check(config)]


def dialects_of(config: Provider) -> tuple[str, ...]:
    """Return the dialects that a provider speaks, the preferred one first. Raises KeyError."""
    from sluicegate.llm import providers  # noqa: PLC0415 - only where there are any

    return tuple(providers.find(config.kind).spoken(config))


def secrets_in(spec: object) -> Iterator[tuple[str, ...]]:
    """Give where plain data of a provider holds a text that is secret."""
    if not isinstance(spec, dict):
        return
    for field, *rest in SECRET_FIELDS:
        held: Any = spec.get(field)
        for step in rest:
            held = held.get(step) if isinstance(held, dict) else None
        if held is not None:
            yield (field, *rest)
    headers = spec.get("headers")
    for header in headers if isinstance(headers, dict) else ():
        if isinstance(header, str) and SECRET_HEADER.search(header):
            yield "headers", header


def shown(spec: object) -> object:
    """Return plain data of a provider as it may be seen: without secrets that are no references."""
    for part in secrets_in(spec):
        spec = _covered(spec, part)
    return spec


def _covered(held: Any, part: tuple[str, ...]) -> Any:  # noqa: ANN401 - plain data
    if part:
        return {**held, part[0]: _covered(held[part[0]], part[1:])}
    return held if isinstance(held, str) and refers(held) else NOT_SHOWN


def _dialect_faults(config: Provider) -> Iterator[tuple[str, str]]:
    if config.dialects is not None and not config.dialects:
        yield "dialects", "found none; leave it out, or name one"
    for position, dialect in enumerate(config.dialects or ()):
        if dialect in (config.dialects or ())[:position]:
            yield f"dialects[{position}]", f"`{dialect}` is there more than once: write it once"


def _header_fault(name: str, value: str) -> str | None:
    if not _TOKEN.match(name):
        return "not the name of a header"
    if name.lower().encode() in OURS:
        return "it is written for every call; leave it out"
    return None if _VALUE.match(value) else "not a value of a header; expected one line of text"
