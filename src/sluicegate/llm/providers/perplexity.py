"""Perplexity: Sonar.

Source: https://docs.perplexity.ai/api-reference/chat-completions-post (URL, `/chat/completions`
without `/v1`, `max_tokens`, roles system, user, assistant). Its embeddings are of a form of their
own (base64 of int8) and not spoken.
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
)
