"""Signatures of reasoning that travel through another dialect, and come back.

Models of one family alone take a signature. In its own dialect it stands as it is; in another one
the name of its family stands before it, so that it is known again: `anthropic:EqQB…`.
"""

from __future__ import annotations

import re
from typing import Final

from sluicegate.llm.canonical import Signature

FAMILIES: Final = frozenset({"anthropic", "gemini", "openai"})
SEALED: Final = re.compile(
    rb'"(?:signature|data|thought_?[Ss]ignature|encrypted_content)"\s*:\s*"([a-z]+):'
)
ENVELOPE_HEAD: Final = "eyJmYW1pbHki"
"""Base64 of `{"family"`: how a foreign signature begins where it must be base64 (Gemini)."""
EXTENSION: Final = b'"sluicegate"'
EXTENDED: Final = re.compile(rb'"sluicegate"\s*:\s*\{')
HINT: Final = re.compile(
    rb'"(?:sluicegate"|%b|(?:%b):)' % (ENVELOPE_HEAD.encode(), "|".join(sorted(FAMILIES)).encode())
)
"""Whatever begins like one of these. One search over a prompt of 400 KB takes 0.15 ms."""


def sealed(signature: Signature, family: str) -> str:
    """Write a signature in a dialect of `family` ("" for a dialect that has none of its own)."""
    return signature.text if signature.family == family else f"{signature.family}:{signature.text}"


def opened(text: str, family: str) -> Signature:
    """Read what `sealed` wrote."""
    head, colon, rest = text.partition(":")
    if colon and (not head or head in FAMILIES):  # "": sealed of a family that has no name
        return Signature(head, rest)
    return Signature(family, text)


def is_mixed(body: bytes, family: str) -> bool:
    """Whether a call holds what only a translated answer can have brought into it.

    That is a signature of another family than the dialect's own, or our extension `sluicegate`. A
    provider would refuse it, so such a call is translated even where both speak the same.
    """
    if HINT.search(body) is None:
        return False
    if EXTENSION in body and EXTENDED.search(body) is not None:
        return True
    if b'"%b' % ENVELOPE_HEAD.encode() in body:
        return True
    others = [each for each in FAMILIES if each != family and b'"%b:' % each.encode() in body]
    if not others:
        return False
    return any(found.decode() in others for found in SEALED.findall(body))
