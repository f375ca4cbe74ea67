"""vLLM: `url` with `/v1`; a `key` where it was started with `--api-key`.

Source: https://docs.vllm.ai/en/v0.32.0/serving/online_serving/ (paths of OpenAI's and of
Anthropic's APIs).
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
    kind="vllm",
    places={**CHAT, **RESPONSES, **MESSAGES, **COUNT_TOKENS, **COMPLETIONS, **EMBEDDINGS},
    forwards=ANTHROPIC_FORWARDS,
    required=("url",),
)
