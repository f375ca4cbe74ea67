"""Groq.

Source: https://console.groq.com/docs/openai (URL, `/responses`; no text completions). What it does
not take (`logprobs`, `logit_bias`, `n` > 1, names in messages) it refuses itself with 400.
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, RESPONSES, Vendor

PROVIDER: Final = Vendor(
    kind="groq", url="https://api.groq.com/openai/v1", places={**CHAT, **RESPONSES}
)
