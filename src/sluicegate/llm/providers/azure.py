"""Azure OpenAI and Azure AI Foundry: `url` is the resource's, `https://<name>.openai.azure.com`.

Without `api_version` its `v1` API is spoken (`/openai/v1/`, the model in the body); with one, the
older API, whose paths hold the deployment. Claude models are at `/anthropic/` of
`https://<name>.services.ai.azure.com`.
Source: openai-python 3.54 `lib/azure.py` (`api-key`, `/openai/deployments/{model}`, `api-version`);
anthropic-sdk-python 2.12 `lib/foundry.py` (URL, `x-api-key`); Microsoft, "Azure OpenAI in Azure AI
Foundry Models v1 API". Chat takes `stream_options` since version 2024-09-01-preview
(Azure/azure-sdk-for-java, 40998); older ones refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import ANTHROPIC_FORWARDS, ANTHROPIC_VERSION, Vendor

if TYPE_CHECKING:
    from sluicegate.model.provider import Provider as ProviderConfig

OURS: Final = ("openai_chat", "openai_responses", "openai_completions", "openai_embeddings")
CLAUDE: Final = {
    "anthropic_messages": Place("/anthropic/v1/messages", key_header=b"x-api-key"),
    "anthropic_count_tokens": Place("/anthropic/v1/messages/count_tokens", key_header=b"x-api-key"),
}


def _of_deployment(path: str) -> Place:
    version = "api-version={api_version}"
    return Place("/openai/deployments/{model}" + path, query=version, stream_query=version)


OLDER: Final = {
    "openai_chat": _of_deployment("/chat/completions"),
    "openai_completions": _of_deployment("/completions"),
    "openai_embeddings": _of_deployment("/embeddings"),
}


COUNTS_SINCE: Final = "2024-09-01"


class _Azure(Vendor):
    def spoken(self, config: ProviderConfig) -> Mapping[str, Place]:
        spoken = super().spoken(config)
        if config.api_version is None:
            return spoken
        return {name: OLDER[name] for name in spoken if name in OLDER}

    def dialects_of(self, model: str) -> Sequence[str] | None:
        return tuple(CLAUDE) if model.startswith("claude") else OURS

    def asks_usage(self, dialect: str, config: ProviderConfig) -> bool:
        older = config.api_version
        if older is not None and (older < COUNTS_SINCE or dialect != "openai_chat"):
            return False
        return super().asks_usage(dialect, config)


PROVIDER: Final = _Azure(
    kind="azure",
    auth="header",
    key_header=b"api-key",
    places={
        "openai_chat": Place("/openai/v1/chat/completions"),
        "openai_responses": Place("/openai/v1/responses"),
        "openai_completions": Place("/openai/v1/completions"),
        "openai_embeddings": Place("/openai/v1/embeddings"),
        **CLAUDE,
    },
    headers=(ANTHROPIC_VERSION,),
    forwards=ANTHROPIC_FORWARDS | {b"openai-beta"},
    required=("url", "key"),
)
