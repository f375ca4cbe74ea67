"""xAI.

Source: https://docs.x.ai/docs/api-reference (URL, bearer token, `/chat/completions`,
`/responses`). Its Anthropic endpoint is deprecated and not spoken.
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, RESPONSES, Vendor

PROVIDER: Final = Vendor(kind="xai", url="https://api.x.ai/v1", places={**CHAT, **RESPONSES})
