"""Gemini API (Google AI Studio).

Source: python-genai 3.4, `_api_client.py` (URL, `x-goog-api-key`) and `models.py` (paths,
`alt=sse`); https://ai.google.dev/gemini-api/docs/openai (embeddings as OpenAI's, bearer token).
`v1beta` as in Google's own examples: what is new comes there first.
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import Vendor

MODEL: Final = "/v1beta/models/{model}"

PROVIDER: Final = Vendor(
    kind="gemini",
    url="https://generativelanguage.googleapis.com",
    auth="header",
    key_header=b"x-goog-api-key",
    places={
        "gemini_generate": Place(
            MODEL + ":generateContent", MODEL + ":streamGenerateContent", stream_query="alt=sse"
        ),
        "gemini_count_tokens": Place(MODEL + ":countTokens"),
        "openai_embeddings": Place("/v1beta/openai/embeddings", key_header=b"authorization"),
    },
)
