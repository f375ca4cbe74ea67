"""The contract of a provider: who speaks which dialect, where, with which credentials. Sans I/O.

A provider is one file, `llm/providers/<kind>.py`, which holds `PROVIDER`: facts, and where needed a
function that changes a body or a head. Each fact's source is in the file's docstring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Outgoing
    from sluicegate.model.provider import Provider as ProviderConfig

Auth = Literal["bearer", "header", "aws", "google", "none"]
"""How a provider is shown who we are. `header`: the key alone in `key_header`; `aws`: SigV4;
`google`: an OAuth token of a service account."""


class Place(NamedTuple):
    """Where one dialect is spoken. `stream_path` where streams have another path.

    Templates with `{model}`, `{region}`, `{project}`, `{api_version}`; values are escaped for a
    path. `key_header` where the key stands in another one than the provider's.
    """

    path: str
    stream_path: str = ""
    query: str = ""
    stream_query: str = ""
    key_header: bytes = b""


class Provider(Protocol):
    """Facts of one vendor. `kind` is the file's name."""

    kind: str
    url: str
    """Where it is unless configured otherwise; a template as in `Place`; "" where it must be."""
    auth: Auth
    key_header: bytes
    """In lower case, with `header`."""
    places: Mapping[str, Place]
    """By dialect, the preferred one for chat first. Dialects beside chat: `openai_completions`,
    `openai_embeddings`, `anthropic_count_tokens`, `gemini_count_tokens`."""
    headers: Sequence[tuple[bytes, bytes]]
    """Sent with every call."""
    forwards: frozenset[bytes]
    """Headers of a caller of the same dialect that go on, in lower case."""
    proxied: str
    """Path in front of what `/proxy/{provider}/` passes on; "" for none."""
    required: Sequence[str]
    """Fields of the configuration that it cannot do without: `key`, `region`, `project`, `url`."""

    def base(self, config: ProviderConfig) -> str:
        """Return the URL in front of every path, without a `/` behind."""

    def spoken(self, config: ProviderConfig) -> Mapping[str, Place]:
        """Return the places of the dialects that are spoken, preferred first, as configured."""

    def dialects_of(self, model: str) -> Sequence[str] | None:
        """Return those that one of its models can be spoken to in; None for all of them."""

    def dialect_for(self, model: str) -> str:
        """Return the preferred chat dialect for one of its models."""

    def fit(self, dialect: str, body: Outgoing, *, model: str, stream: bool) -> Outgoing:
        """Change a translated body where the vendor differs from the dialect it speaks."""

    def asks_usage(self, dialect: str, config: ProviderConfig) -> bool:
        """Whether a stream in a dialect says what it used only where `stream_options` asks it to.

        False where it says so anyway, and where the provider refuses to be asked.
        """

    def check(self, config: ProviderConfig) -> list[tuple[str, str]]:
        """Return what is wrong with a configuration beyond `required`: (field, message)."""
