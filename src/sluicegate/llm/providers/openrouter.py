"""OpenRouter.

Source: https://openrouter.ai/docs/api-reference/overview (URL, bearer token, `HTTP-Referer` and
`X-Title`), `/docs/client-sdks` (`chat`, `responses`, `embeddings`, Anthropic's `messages`),
`/docs/use-cases/usage-accounting` (the last event of a stream says what was used; asking for it is
deprecated and has no effect).
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
    kind="openrouter",
    url="https://openrouter.ai/api/v1",
    places={**CHAT, **RESPONSES, **MESSAGES, **COMPLETIONS, **EMBEDDINGS},
    headers=(ANTHROPIC_VERSION,),
    forwards=ANTHROPIC_FORWARDS | {b"http-referer", b"x-title"},
    usage_asked=False,
)
