"""Fireworks AI.

Source: https://docs.fireworks.ai/tools-sdks/openai-compatibility (URL, chat, completions),
`/tools-sdks/anthropic-compatibility` (`/messages` beside them, `anthropic-version` is ignored),
`/nexus/apis-and-sdks` (`/responses`).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, COMPLETIONS, EMBEDDINGS, MESSAGES, RESPONSES, Vendor

PROVIDER: Final = Vendor(
    kind="fireworks",
    url="https://api.fireworks.ai/inference/v1",
    places={**CHAT, **RESPONSES, **MESSAGES, **COMPLETIONS, **EMBEDDINGS},
)
