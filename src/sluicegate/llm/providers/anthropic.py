"""Anthropic.

Source: https://platform.claude.com/docs/en/api (`x-api-key`, `anthropic-version`);
anthropic-sdk-python 2.12, `_client.py` (URL; there the key is a bearer token, which is taken as
well) and `resources/messages/messages.py` (paths, `anthropic-beta`).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import ANTHROPIC_FORWARDS, ANTHROPIC_VERSION, Vendor

PROVIDER: Final = Vendor(
    kind="anthropic",
    url="https://api.anthropic.com",
    auth="header",
    key_header=b"x-api-key",
    places={
        "anthropic_messages": Place("/v1/messages"),
        "anthropic_count_tokens": Place("/v1/messages/count_tokens"),
    },
    headers=(ANTHROPIC_VERSION,),
    forwards=ANTHROPIC_FORWARDS,
)
