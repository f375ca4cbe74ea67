"""A provider: an LLM vendor as this gateway reaches it, with its credentials."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sluicegate.model.resource import Resource
from sluicegate.model.service import Pool, UpstreamTls
from sluicegate.model.units import Duration, Size

BaseUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^/?#@\s]+(/[!-~]*[^/?#\s])?$(?!\n)",
        examples=["https://llm.example.com/v1"],
        extra={"expected": "a URL such as `https://llm.example.com` or with a path, no `/` behind"},
    ),
]


Given = Annotated[str, Meta(min_length=1)]
Label = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9-]+$(?!\n)",
        extra={"expected": "small letters, digits and `-`, such as `us-east-1`"},
    ),
]
"""It stands in host names."""
Project = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9:.-]+$(?!\n)",
        extra={"expected": "small letters, digits and `:.-`, such as `my-project-1`"},
    ),
]


class AwsKeys(Resource, frozen=True, kw_only=True):
    """Static credentials. Without them the usual chain of AWS is asked (environment, role, …)."""

    access_key_id: Annotated[Given, Meta(description="By reference: `${env:…}`.")]
    secret_access_key: Annotated[Given, Meta(description="By reference: `${env:…}`.")]
    session_token: Annotated[str | None, Meta(description="Of temporary credentials.")] = None

    def __repr__(self) -> str:
        """Show what is no secret."""
        return "AwsKeys(…)"


class ProviderTimeouts(Resource, frozen=True, kw_only=True):
    """How long to wait for a provider."""

    connect: Annotated[Duration, Meta(description="For a connection, TLS included.")] = Duration(5)
    first_token: Annotated[
        Duration,
        Meta(
            description="From the request sent to the first token of a stream; pings of the "
            "provider do not count. Of a whole answer: to its head."
        ),
    ] = Duration(60)
    stall: Annotated[
        Duration, Meta(description="Between two tokens, or two pieces of a whole answer.")
    ] = Duration(30)
    total: Annotated[
        Duration, Meta(description="For one call in all. The SDKs of OpenAI and Anthropic: 600 s.")
    ] = Duration(600)


class Provider(Resource, frozen=True, kw_only=True):
    """A vendor, where it is, and how we show who we are."""

    kind: Annotated[
        str,
        Meta(
            description="Which vendor: a file of `llm/providers`, such as `openai`, `anthropic`, "
            "`bedrock`; `openai_compatible` for any URL that speaks as OpenAI does."
        ),
    ]
    url: Annotated[
        BaseUrl | None,
        Meta(description="In place of the vendor's own; with its path, if it has one."),
    ] = None
    key: Annotated[
        Given | None,
        Meta(
            description="The vendor's API key, by reference: `${env:…}`, `${file:…}`, or "
            "`${secret:…}` in a stored provider.",
        ),
    ] = None
    aws: Annotated[AwsKeys | None, Meta(description="For `bedrock` without a `key`.")] = None
    credentials: Annotated[
        str | None,
        Meta(
            description="For `vertex`: JSON of a service account, by reference. Without it "
            "Google's usual chain is asked (environment, metadata server)."
        ),
    ] = None
    region: Annotated[Label | None, Meta(description="For `bedrock` and `vertex`.")] = None
    project: Annotated[Project | None, Meta(description="For `vertex`.")] = None
    api_version: Annotated[Label | None, Meta(description="For `azure`: other than its `v1`.")] = (
        None
    )
    dialects: Annotated[
        list[str] | None,
        Meta(
            description="The only ones to speak, the preferred one first, in place of the vendor's "
            "(such as `[openai_chat]` for a server without `/responses`)."
        ),
    ] = None
    stream_usage: Annotated[
        bool,
        Meta(
            description="Ask what a stream has used (`stream_options`) where the vendor says it "
            "only then; the caller sees no sign of it. `false` for servers that refuse to be asked."
        ),
    ] = True
    headers: Annotated[
        dict[str, str], Meta(description="Sent with every call; values may be references.")
    ] = {}
    timeouts: Annotated[ProviderTimeouts, Meta(description="How long to wait.")] = (
        ProviderTimeouts()
    )
    max_answer: Annotated[
        Size, Meta(description="Bytes of a whole answer, or of one event of a stream.")
    ] = Size(64 * 1024 * 1024)
    tls: Annotated[UpstreamTls, Meta(description="TLS where the URL says `https`.")] = UpstreamTls()
    pool: Annotated[Pool, Meta(description="Connections kept.")] = Pool()

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Provider(kind={self.kind!r}, url={self.url!r}, …)"
