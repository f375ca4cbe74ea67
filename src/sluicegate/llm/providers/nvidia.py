"""NVIDIA NIM, hosted (`integrate.api.nvidia.com`) or one's own by `url`.

Source: https://docs.api.nvidia.com/nim/reference/llm-apis (URL, bearer token, `max_tokens`),
https://docs.nvidia.com/nim/large-language-models/latest/reference/api-reference.html (paths).
"""

from __future__ import annotations

from typing import Final

from sluicegate.llm.vendor import CHAT, COMPLETIONS, EMBEDDINGS, Vendor

PROVIDER: Final = Vendor(
    kind="nvidia",
    url="https://integrate.api.nvidia.com/v1",
    places={**CHAT, **COMPLETIONS, **EMBEDDINGS},
    renamed={"max_completion_tokens": "max_tokens"},
    as_system=True,
)
