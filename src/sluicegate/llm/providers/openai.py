"""OpenAI.

Source: openai-python 3.54, `_client.py` (URL, bearer token, `OpenAI-Organization`,
`OpenAI-Project`), `resources/` (paths, `OpenAI-Beta`). Organization and project go with
the key: they are the operator's to set, in `headers`.
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, Vendor

PROVIDER: Final = Vendor(
    kind="openai",
    url="https://api.openai.com/v1",
    places={**CHAT, **RESPONSES, **COMPLETIONS, **EMBEDDINGS},
    forwards=frozenset({b"openai-beta"}),
)
