"""Mistral.

Source: mistralai 3.7, `client/chat.py` (paths), `client/models/chatcompletionrequest.py`: the
fields are `max_tokens` and `random_seed`; there is no `stream_options` (usage always comes with the
last chunk), and the roles are system, user, assistant, tool. Other fields are refused by it (422).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, EMBEDDINGS, Vendor

PROVIDER: Final = Vendor(
    kind="mistral",
    url="https://api.mistral.ai/v1",
    places={**CHAT, **EMBEDDINGS},
    renamed={"max_completion_tokens": "max_tokens", "seed": "random_seed"},
    needless=("stream_options",),
    as_system=True,
    usage_asked=False,
)
