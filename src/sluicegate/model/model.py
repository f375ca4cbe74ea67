"""A model: the name that clients ask for, and the providers' models behind it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from sluicegate.model.price import Price
from sluicegate.model.resilience import Hedge
from sluicegate.model.resource import Resource
from sluicegate.model.units import Duration

FailureKind = Literal[
    "rate_limited",
    "quota",
    "overloaded",
    "server_error",
    "timeout",
    "unreachable",
    "bad_answer",
    "authentication",
    "not_found",
    "context_length",
    "content_filter",
]

REPLACED: Final[tuple[FailureKind, ...]] = (
    "rate_limited",
    "quota",
    "overloaded",
    "server_error",
    "timeout",
    "unreachable",
    "bad_answer",
    "authentication",
    "not_found",
)


Given = Annotated[str, Meta(min_length=1)]
DeploymentName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}$(?!\n)",
        extra={"expected": "up to 128 letters, digits and `_.:@/+-`, a letter, digit or `_` first"},
    ),
]
AtLeastOne = Annotated[int, Meta(ge=1)]


class Deployment(Resource, frozen=True, kw_only=True):
    """One provider's model."""

    provider: Annotated[str, Meta(description="Name of a provider.")]
    model: Annotated[
        Given | None,
        Meta(
            description="What the provider calls it; `*` in it is what `*` is in the asked name. "
            "The asked name where nothing is given.",
        ),
    ] = None
    name: Annotated[
        DeploymentName | None,
        Meta(
            description="In metrics, logs and overrides; `provider/model` where nothing is given.",
        ),
    ] = None
    weight: Annotated[
        int, Meta(ge=0, le=1000, description="Share of calls beside its siblings; 0 takes none.")
    ] = 1
    priority: Annotated[
        int, Meta(ge=0, le=100, description="Those of the lowest number first; others stand by.")
    ] = 0
    region: Annotated[
        str | None,
        Meta(description="Where it runs; those in `region.name` are preferred within a priority."),
    ] = None
    dialect: Annotated[
        str | None, Meta(description="To speak with it, in place of the provider's preferred one.")
    ] = None
    allow: Annotated[
        list[str],
        Meta(
            description="What the provider lets us have, in all replicas together; where it is "
            "used up others are asked. As in `rate_limit`.",
            examples=[["500/minute"]],
        ),
    ] = []
    concurrent: Annotated[
        AtLeastOne | None, Meta(description="Calls at the same time, in all replicas together.")
    ] = None
    price: Annotated[
        Price | None,
        Meta(description="What its tokens cost, in place of what is known of the vendor's prices."),
    ] = None


class Sticky(Resource, frozen=True, kw_only=True):
    """Calls that belong together go to one deployment, so that its prompt cache is of use."""

    by: Annotated[
        str,
        Meta(
            pattern=r"^(prompt|consumer|key|user|header:[A-Za-z0-9-]+)$(?!\n)",
            description="`prompt`: what the system says and the first message; `user`: the field "
            "of the call that says who it is for, or `prompt_cache_key`; `header:<name>`.",
        ),
    ] = "prompt"


class Fallback(Resource, frozen=True, kw_only=True):
    """Another model to ask when no deployment of this one can answer."""

    model: Annotated[str, Meta(description="Name of a model. Its own fallbacks are not followed.")]
    on: Annotated[
        tuple[FailureKind, ...],
        Meta(min_length=1, description="After which failures; the last one decides."),
    ] = REPLACED


class Cooldown(Resource, frozen=True, kw_only=True):
    """When a deployment is left out for a while, on every replica."""

    failures: Annotated[
        int, Meta(ge=1, description="That many failures in a row. One 429 is enough.")
    ] = 3
    time: Annotated[
        Duration, Meta(description="Out for this long, or for what `Retry-After` says.")
    ] = Duration(15)
    max_time: Annotated[
        Duration, Meta(description="No longer than this, whatever `Retry-After` says.")
    ] = Duration(300)


class Model(Resource, frozen=True, kw_only=True):
    """What clients ask for by name. A name may end in `*`: every name that begins so."""

    deployments: Annotated[list[Deployment], Meta(min_length=1, description="Who answers.")]
    balance: Annotated[
        Literal["weight", "least_busy", "first_token"],
        Meta(
            description="Which of those of one priority: by weight; the least calls under way; or "
            "the shortest time to the first token of late."
        ),
    ] = "weight"
    sticky: Annotated[Sticky | None, Meta(description="Keep what belongs together together.")] = (
        None
    )
    fallbacks: Annotated[
        list[Fallback], Meta(description="Other models, asked in this order.")
    ] = []
    attempts: Annotated[
        int, Meta(ge=1, le=10, description="Calls of providers in all, for one call of a client.")
    ] = 3
    max_wait: Annotated[
        Duration,
        Meta(
            description="Longest `Retry-After` to wait for where nobody else is left to ask. "
            "Longer ones are passed on to the client."
        ),
    ] = Duration(5)
    cooldown: Annotated[Cooldown, Meta(description="Leaving out who fails.")] = Cooldown()
    hedge: Annotated[
        Hedge | None,
        Meta(description="A second call beside one without a first token; off unless given."),
    ] = None
    unsupported: Annotated[
        Literal["refuse", "drop"],
        Meta(
            description="Fields of a call that a deployment's dialect has no words for: 400, or "
            "dropped and named in `sluicegate-dropped`. Content is never dropped."
        ),
    ] = "refuse"
    fetch_images: Annotated[
        list[str],
        Meta(
            description="Hosts (`*.example.com`) from which the gateway may fetch what a call only "
            "gives the URL of, for dialects that take no URLs. Never from private addresses."
        ),
    ] = []
    description: Annotated[str, Meta(max_length=1024, description="For people.")] = ""
