"""Ollama, on this machine unless `url` says otherwise; its cloud wants a `key`.

The address is literal: a name such as `localhost` may not lead inside (`upstream/resolve`).

Source: https://docs.ollama.com/api/openai-compatibility (URL, paths, `max_tokens`; `/responses`
since 0.13.3, stateless), `/api/anthropic-compatibility` (`/v1/messages`).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import (
    ANTHROPIC_FORWARDS,
    ANTHROPIC_VERSION,
    CHAT,
    COMPLETIONS,
    EMBEDDINGS,
    MESSAGES,
    RESPONSES,
    Vendor,
)

PROVIDER: Final = Vendor(
    kind="ollama",
    url="http://127.0.0.1:11434/v1",
    places={**CHAT, **RESPONSES, **MESSAGES, **COMPLETIONS, **EMBEDDINGS},
    headers=(ANTHROPIC_VERSION,),
    forwards=ANTHROPIC_FORWARDS,
    required=(),
    renamed={"max_completion_tokens": "max_tokens"},
    as_system=True,
)
