"""A route: which requests it takes, and what happens to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta, field

from sluicegate.model.resource import Resource
from sluicegate.model.units import Duration, Size

if TYPE_CHECKING:
    from sluicegate.model.service import Timeouts

PolicyUse = Annotated[
    dict[str, Any],
    Meta(
        min_length=1,
        max_length=1,
        description="One policy: its name and its settings.",
        examples=[{"rate_limit": {"allow": ["10/second burst 20"]}}],
    ),
]

Method = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z][A-Z-]*$(?!\n)", extra={"expected": "a method in capitals, such as `GET`"}
    ),
]


class Match(Resource, frozen=True, kw_only=True):
    """Which requests a route takes. Every part that is given must hold."""

    host: Annotated[
        str | Annotated[list[str], Meta(min_length=1)] | None,
        Meta(description="Exact (`api.example.com`) or wildcard (`*.example.com`), no port."),
    ] = None
    path: Annotated[
        str,
        Meta(
            pattern="^/",
            extra={"expected": "a path that starts with `/`"},
            description="Exact (`/a/b`), with parameters (`/a/{id}`), or a prefix (`/a/**`: `/a`, "
            "`/a/` and everything below).",
        ),
    ] = "/**"
    methods: Annotated[
        Annotated[list[Method], Meta(min_length=1)] | None,
        Meta(description="Others get 405. `GET` takes `HEAD` as well."),
    ] = None
    headers: Annotated[
        dict[str, str | bool],
        Meta(description="Name to value: exact, `a*` for a prefix, `true` present, `false` absent"),
    ] = {}
    query: Annotated[
        dict[str, str | bool], Meta(description="Parameter to value, written as in `headers`.")
    ] = {}


class WeightedService(Resource, frozen=True, kw_only=True):
    """One share of a route's traffic (canary)."""

    service: Annotated[str, Meta(description="Name of a service.")]
    weight: Annotated[int, Meta(ge=0, le=1_000_000, description="Share beside its siblings.")]
    labels: Annotated[
        dict[str, str], Meta(description="Only to targets that have all of these labels (subset).")
    ] = {}


class RouteTimeouts(Resource, frozen=True, kw_only=True):
    """Time-outs of one route. What is not given is the service's."""

    connect: Annotated[Duration | None, Meta(description="See the service's `timeouts`.")] = None
    first_byte: Annotated[Duration | None, Meta(description="See there.")] = None
    idle: Annotated[Duration | None, Meta(description="See there.")] = None
    total: Annotated[Duration | None, Meta(description="See there.")] = None

    def over(self, service: Timeouts) -> Timeouts:
        """Return the service's time-outs with those of the route in their place."""
        own = {name: value for name, value in msgspec.structs.asdict(self).items()
               if value is not None}  # fmt: skip
        return msgspec.structs.replace(service, **own) if own else service


class Ai(Resource, frozen=True, kw_only=True):
    """The AI endpoints: paths that SDKs of OpenAI, Anthropic and Google ask for.

    `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, `/v1/responses`, `/v1/messages`,
    `/v1/models`, `/v1beta/models/*` and what belongs to them.
    """

    prefix: Annotated[
        str,
        Meta(
            pattern=r"^(/[A-Za-z0-9._~-]+)*$(?!\n)",
            extra={"expected": "a path without `/` at its end, such as `/ai`"},
            description="What stands before those paths, such as `/ai`.",
        ),
    ] = ""
    models: Annotated[
        list[str],
        Meta(description="Names of the only models served here; `*` at an end is any text."),
    ] = []
    proxy: Annotated[
        list[str],
        Meta(
            description="Providers whose own API is passed through under `/proxy/<provider>/`, "
            "with our credentials: whoever may use it may do there what those may."
        ),
    ] = []
    max_body: Annotated[Size, Meta(description="Largest body of a call; it is read whole.")] = Size(
        32 * 1024 * 1024
    )
    continue_streams: Annotated[
        bool,
        Meta(
            description="A stream of text that breaks off goes on with another deployment, which "
            "is shown what has been said so far; else it ends with an error."
        ),
    ] = False
    litellm_headers: Annotated[
        bool,
        Meta(
            description="Say what a call cost in LiteLLM's headers (`x-litellm-response-cost` and "
            "so on) as well."
        ),
    ] = False


class Route(Resource, frozen=True, kw_only=True):
    """A match and what happens then: policies, and a service or the AI endpoints."""

    match: Annotated[Match, Meta(description="Which requests the route takes.")]
    service: Annotated[
        str | Annotated[list[WeightedService], Meta(min_length=1)] | None,
        Meta(description="Where requests go: a service, or several with weights."),
    ] = None
    ai: Annotated[Ai | None, Meta(description="The AI endpoints, in place of a service.")] = None
    policies: Annotated[
        list[PolicyUse], Meta(description="What is done on the way, in the order of the stages.")
    ] = []
    upgrade: Annotated[
        list[str], Meta(description="`Upgrade` tokens passed to the service; others are ignored.")
    ] = field(default_factory=lambda: ["websocket"])
    timeouts: Annotated[
        RouteTimeouts, Meta(description="In place of single ones of the service's time-outs.")
    ] = RouteTimeouts()
