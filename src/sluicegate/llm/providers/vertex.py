"""Vertex AI: Gemini, Claude, and others at its OpenAI-compatible endpoint (`meta/llama-…`).

Source: python-genai 3.4 `_api_client.py` (hosts by location, `projects/…/locations/…`) and
`models.py` (`publishers/google/models/`); anthropic-sdk-python 2.12 `lib/vertex/_client.py`
(`rawPredict`, `streamRawPredict`, `count-tokens`, `anthropic_version` in place of `model`, now
`2026-10-21`; `vertex-2023-10-16` is what it said before, for what API version 2023-06-01 is
elsewhere);
Google Cloud, "Using OpenAI libraries with Vertex AI" (`endpoints/openapi`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.failure import invalid
from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import (
    ANTHROPIC_FORWARDS,
    ANTHROPIC_VERSION,
    READ_FIELDS,
    Fields,
    Vendor,
    rewritten,
)

if TYPE_CHECKING:
    from sluicegate.model.provider import Provider as ProviderConfig

ROOT: Final = "/v1/projects/{project}/locations/{region}"
GOOGLE: Final = ROOT + "/publishers/google/models/{model}"
CLAUDE: Final = ROOT + "/publishers/anthropic/models/"
OLDER: Final = msgspec.Raw(b'"vertex-2023-10-16"')
VERSION_HEADER: Final = ANTHROPIC_VERSION[0]
WHOLE: Final = "generateContentRequest"
MULTI_REGIONS: Final = ("us", "eu")


class _Vertex(Vendor):
    def base(self, config: ProviderConfig) -> str:
        if config.url is None and config.region == "global":
            return "https://aiplatform.googleapis.com"
        if config.url is None and config.region in MULTI_REGIONS:
            return f"https://aiplatform.{config.region}.rep.googleapis.com"
        return super().base(config)

    def dialects_of(self, model: str) -> Sequence[str] | None:
        if model.startswith("claude"):
            return ("anthropic_messages", "anthropic_count_tokens")
        if "/" in model:
            return ("openai_chat",)
        return ("gemini_generate", "gemini_count_tokens")

    def fit(self, dialect: str, body: Outgoing, *, model: str, stream: bool) -> Outgoing:  # noqa: ARG002 - of a contract
        if dialect == "gemini_count_tokens":
            return Outgoing(rewritten(body.body, _unwrapped), body.headers)
        if dialect not in ("anthropic_messages", "anthropic_count_tokens"):
            return body
        headers = dict(body.headers)
        version = _version(headers.pop(VERSION_HEADER, b""))

        def change(fields: Fields) -> bool:
            fields.setdefault("anthropic_version", version)
            if dialect == "anthropic_messages":
                fields.pop("model", None)
            return True

        return Outgoing(rewritten(body.body, change), tuple(headers.items()))

    def check(self, config: ProviderConfig) -> list[tuple[str, str]]:
        faults = super().check(config)
        if config.key is not None:
            faults.append(("key", "`vertex` takes `credentials`; with a key, use kind `gemini`"))
        return faults


def _unwrapped(fields: Fields) -> bool:
    """Say beside `contents` what the Gemini API wants as `generateContentRequest`."""
    whole = fields.pop(WHOLE, None)
    if whole is None:
        return False
    try:
        inner = READ_FIELDS.decode(whole)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid(WHOLE, "expected an object") from None
    inner.pop("model", None)
    fields.update(inner)
    return True


def _version(asked: bytes) -> msgspec.Raw:
    """Return what the body says of a version that a header asks for, or of none."""
    if asked in (b"", ANTHROPIC_VERSION[1]):
        return OLDER
    return msgspec.Raw(msgspec.json.encode(asked.decode("latin-1")))


PROVIDER: Final = _Vertex(
    kind="vertex",
    url="https://{region}-aiplatform.googleapis.com",
    auth="google",
    places={
        "gemini_generate": Place(
            GOOGLE + ":generateContent",
            GOOGLE + ":streamGenerateContent",
            stream_query="alt=sse",
        ),
        "gemini_count_tokens": Place(GOOGLE + ":countTokens"),
        "anthropic_messages": Place(
            CLAUDE + "{model}:rawPredict", CLAUDE + "{model}:streamRawPredict"
        ),
        "anthropic_count_tokens": Place(CLAUDE + "count-tokens:rawPredict"),
        "openai_chat": Place(ROOT + "/endpoints/openapi/chat/completions"),
    },
    forwards=ANTHROPIC_FORWARDS,
    required=("project", "region"),
)
