"""Perplexity: Sonar.

Source: https://docs.perplexity.ai/api-reference/chat-completions-post (URL, `/chat/completions`
without `/v1`, `max_tokens`, roles system, user, assistant). Its embeddings are of a form of their
own (base64 of int8) and not spoken. Every chunk of a stream says what was used so far
(langchain-ai/langchain, 38070), and `stream_options` is not among the fields.
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, Vendor

PROVIDER: Final = Vendor(
    kind="perplexity",
    url="https://api.perplexity.ai",
    places=CHAT,
    renamed={"max_completion_tokens": "max_tokens"},
    as_system=True,
    usage_asked=False,
)
