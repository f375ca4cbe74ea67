"""Hugging Face: the router to its inference providers, or an endpoint of one's own by `url`.

Source: https://huggingface.co/docs/inference-providers/tasks/chat-completion (URL, bearer token,
`max_tokens`), `/docs/inference-providers/guides/responses-api` (`/responses`, beta: only where
`dialects` names it).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, Vendor

PROVIDER: Final = Vendor(
    kind="huggingface",
    url="https://router.huggingface.co/v1",
    places=CHAT,
    extra_places={**RESPONSES, **COMPLETIONS, **EMBEDDINGS},
    renamed={"max_completion_tokens": "max_tokens"},
    as_system=True,
)
