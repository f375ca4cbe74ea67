"""Cohere: its own chat API, v2; embeddings as OpenAI's.

Source: cohere-python 7.3, `environment.py` (URL), `core/client_wrapper.py` (bearer token),
`v2/raw_client.py` (`v2/chat`); https://docs.cohere.com/docs/compatibility-api
(`/compatibility/v1/embeddings`). Chat is not spoken there: it has no citations and no documents,
and refuses `stream_options` (strandsagents.com, "Cohere").
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import Vendor

PROVIDER: Final = Vendor(
    kind="cohere",
    url="https://api.cohere.com",
    places={
        "cohere_chat": Place("/v2/chat"),
        "openai_embeddings": Place("/compatibility/v1/embeddings"),
    },
    extra_places={"openai_chat": Place("/compatibility/v1/chat/completions")},
    needless=("stream_options",),
    usage_asked=False,
)
