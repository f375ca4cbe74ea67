"""Cerebras.

Source: https://inference-docs.cerebras.ai/resources/openai (URL; the role `developer` is not taken:
`system` is what OpenAI calls so) and its `api-reference` (`/completions`).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, COMPLETIONS, Vendor

PROVIDER: Final = Vendor(
    kind="cerebras",
    url="https://api.cerebras.ai/v1",
    places={**CHAT, **COMPLETIONS},
    as_system=True,
)
