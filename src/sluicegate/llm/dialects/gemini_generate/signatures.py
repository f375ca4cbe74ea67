"""`thoughtSignature`: Google's own as they are, those of others in an envelope.

The field is one of bytes: the SDK takes it out of base64 and puts it back in the URL-safe
alphabet, so what stands there must be base64, and either alphabet is read (types.py,
`Part.thought_signature`; _common.py, `BaseModel.model_config`). A signature of another family, and
what belongs to it, travels as base64 of a JSON object whose first member is `family`.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec
from msgspec import Struct

from sluicegate.llm.canonical import Signature, Thinking
from sluicegate.llm.signature import ENVELOPE_HEAD

FAMILY: Final = "gemini"
URL_SAFE: Final = str.maketrans("-_", "+/")


class Envelope(Struct, omit_defaults=True):
    """A signature of another family, and what its thinking had besides text."""

    family: str
    text: str
    id: str = ""
    redacted: bool = False
    summary: bool = False


ENVELOPE: Final = msgspec.json.Decoder(Envelope)


def written(signature: Signature) -> str:
    """Return what stands on the wire for the signature of a text or a call."""
    if signature.family == FAMILY:
        return signature.text
    return _sealed(Envelope(signature.family, signature.text))


def written_of(thinking: Thinking) -> str | None:
    """Return what stands on the wire for the signature of thinking; None where it has none."""
    signature = thinking.signature
    if signature is None:
        return None
    if signature.family == FAMILY:
        return signature.text
    return _sealed(
        Envelope(signature.family, signature.text, thinking.id, thinking.redacted, thinking.summary)
    )


def standard(text: str) -> str:
    """Return base64 in the standard alphabet, padded."""
    text = text.translate(URL_SAFE).rstrip("=")
    return text + "=" * (-len(text) % 4)


def envelope(text: str) -> Envelope:
    """Read what `written` and `written_of` wrote; of a signature of Google's own, that."""
    text = standard(text)
    if text.startswith(ENVELOPE_HEAD):
        try:
            return ENVELOPE.decode(base64.b64decode(text, validate=True))
        except (msgspec.DecodeError, binascii.Error, UnicodeDecodeError):
            pass
    return Envelope(FAMILY, text)


def signature_of(text: str) -> Signature:
    """Read the signature of a text or a call."""
    found = envelope(text)
    return Signature(found.family, found.text)


def thinking_of(text: str, signature: str | None, at: str = "") -> Thinking:
    """Read thinking."""
    thinking = Thinking(text=text, at=at)
    if signature:
        sign(thinking, signature)
    return thinking


def sign(thinking: Thinking, text: str) -> None:
    """Put a signature, as it stands on the wire, to thinking."""
    found = envelope(text)
    thinking.signature = Signature(found.family, found.text)
    thinking.id, thinking.redacted, thinking.summary = found.id, found.redacted, found.summary


def _sealed(sealed: Envelope) -> str:
    return base64.b64encode(msgspec.json.encode(sealed)).decode()
