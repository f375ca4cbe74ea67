"""What an answer with an error status says, and what of its own words the caller may have.

A vendor may repeat what it was sent, so our key is taken out before anybody reads the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from sluicegate.journey.dispatch.model.errors import bad_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.headers import Headers
    from sluicegate.journey.dispatch.model.passage import Passage
    from sluicegate.llm.failure import Failure
    from sluicegate.upstream.provider_link import ProviderLink

OK: Final = 200
ERROR: Final = 400
IDENTITY: Final = b"identity"
ERRORS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
OPENS: Final = b"{"


def read_refusal(
    link: ProviderLink,
    passage: Passage,
    status: int,
    headers: Mapping[bytes, bytes],
    body: bytes,
) -> tuple[Failure, bytes | None]:
    """Classify an answer of 300 or above; beside it its body, where that is the caller's dialect.

    No vendor's API redirects: who does is something else, and nobody follows.
    """
    if status < ERROR:
        return bad_answer(f"the provider's answer has the status {status}"), None
    body = link.redact(body)
    told = passage.dialect.read_failure(status, headers, body)
    failure = without_key(told, link)
    # A key that is seen only now stood there escaped: as JSON may write it.
    passed = failure is told and passage.request is None and _is_error(body)
    return failure, body if passed else None


def unfit_head(status: int, headers: Headers, stream_type: bytes) -> Failure | None:
    """Return what is wrong with the head of an answer that is no refusal; `b""` for no stream."""
    if status < OK:
        return bad_answer("the provider switches to another protocol")
    coding = headers.get(b"content-encoding")
    if coding is not None and coding.strip().lower() != IDENTITY:
        return bad_answer("the provider's answer is compressed, which was not asked for")
    if stream_type:
        kind = (headers.get(b"content-type") or b"").partition(b";")[0].strip().lower()
        if kind != stream_type.partition(b";")[0]:
            return bad_answer("the provider's answer is not a stream of events")
    return None


def without_key(failure: Failure, link: ProviderLink) -> Failure:
    """Return what a provider says of its failure, without our key in any of its texts."""
    said = {"message": failure.message, "code": failure.code, "field": failure.field}
    changed: dict[str, str] = {}
    for name, text in said.items():
        written = (text or "").encode("utf-8", "replace")
        redacted = link.redact(written)
        if redacted != written:
            changed[name] = redacted.decode()
    return replace(failure, **changed) if changed else failure


def _is_error(body: bytes) -> bool:
    """Whether a body has the object `error` that callers of every dialect look for."""
    try:
        error = ERRORS.decode(body).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return error is not None and bytes(error).startswith(OPENS)
