"""Any server that speaks as OpenAI does: `url` with its path, such as `https://host/v1`.

What such servers have in common is what openai-python 3.54 calls chat, completions and embeddings.
`/responses` and Anthropic's `/messages` are spoken where the provider's `dialects` names them.
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import (
    ANTHROPIC_FORWARDS,
    CHAT,
    COMPLETIONS,
    COUNT_TOKENS,
    EMBEDDINGS,
    MESSAGES,
    RESPONSES,
    Vendor,
)

PROVIDER: Final = Vendor(
    kind="openai_compatible",
    places={**CHAT, **COMPLETIONS, **EMBEDDINGS},
    extra_places={**RESPONSES, **MESSAGES, **COUNT_TOKENS},
    forwards=ANTHROPIC_FORWARDS,
    required=("url",),
)
