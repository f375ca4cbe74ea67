"""Together AI.

Source: https://docs.together.ai/docs/openai-api-compatibility (chat, completions, embeddings);
its reference of chat completions knows `max_tokens` only.
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, COMPLETIONS, EMBEDDINGS, Vendor

PROVIDER: Final = Vendor(
    kind="together",
    url="https://api.together.ai/v1",
    places={**CHAT, **COMPLETIONS, **EMBEDDINGS},
    renamed={"max_completion_tokens": "max_tokens"},
    as_system=True,
)
