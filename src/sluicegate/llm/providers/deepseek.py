"""DeepSeek.

Source: https://api-docs.deepseek.com/ (URL, bearer token), `/api/create-chat-completion`
(`max_tokens`; roles system, user, assistant, tool), `/guides/anthropic_api` (`/anthropic`, where
`x-api-key` is fully supported and `anthropic-version` ignored).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import CHAT, Vendor

PROVIDER: Final = Vendor(
    kind="deepseek",
    url="https://api.deepseek.com",
    places={
        **CHAT,
        "anthropic_messages": Place("/anthropic/v1/messages", key_header=b"x-api-key"),
    },
    renamed={"max_completion_tokens": "max_tokens"},
    as_system=True,
)
