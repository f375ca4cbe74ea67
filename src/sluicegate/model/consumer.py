"""A consumer: who calls, and the keys they call with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from sluicegate.model.resource import Resource
from sluicegate.model.route import Method
from sluicegate.model.team import Team

KeyHash = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9_-]+:[0-9a-f]{64}$(?!\n)",
        extra={"expected": "the name of a pepper, `:` and 64 digits of `0-9a-f`"},
    ),
]
KeyValue = Annotated[str, Meta(min_length=16)]


LimitName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9-]{1,32}$(?!\n)",
        extra={"expected": "the `name` of a `rate_limit` or `concurrency`"},
    ),
]


Scope = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$(?!\n)",
        extra={"expected": "up to 128 letters, digits and `._:/-`, such as `orders:read`"},
    ),
]


class Key(Resource, frozen=True, kw_only=True):
    """A key of a consumer, and what may be done with it.

    In a file exactly one of `hash` and `value` is given; a stored key has a hash and a `consumer`.
    """

    hash: Annotated[
        KeyHash | None,
        Meta(
            description="`<pepper>:<hex>`: HMAC-SHA-256 of the key under a pepper of `peppers`.",
        ),
    ] = None
    value: Annotated[
        KeyValue | None,
        Meta(description="The key itself, by reference: `${env:…}`, `${file:…}`."),
    ] = None
    description: Annotated[str, Meta(max_length=1024, description="For people.")] = ""
    expires: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="From then on it is not valid; RFC 3339, such as 2027-01-31T00:00:00Z."),
    ] = None
    plan: Annotated[str | None, Meta(description="Name of a plan, in place of the consumer's.")] = (
        None
    )
    routes: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        Meta(description="Names of the only routes it is good for; `*` at an end is any text."),
    ] = []
    methods: Annotated[
        list[Method], Meta(description="The only methods it is good for. `GET` takes `HEAD`.")
    ] = []
    ip_ranges: Annotated[
        list[str], Meta(description="The only networks it may be used from, such as 10.0.0.0/8.")
    ] = []
    scopes: Annotated[
        list[Scope], Meta(description="What it was granted; the policy `scope` asks for these.")
    ] = []
    models: Annotated[
        list[Annotated[str, Meta(min_length=1)]],
        Meta(
            description="The only models it may ask for, by the names that clients write; `*` at "
            "an end is any text. A provider's own API is `proxy/<provider>`."
        ),
    ] = []


class Consumer(Resource, frozen=True, kw_only=True):
    """Who calls."""

    plan: Annotated[str | None, Meta(description="Name of a plan.")] = None
    team: Annotated[
        str | None, Meta(description="Name of a team; its plan holds where there is none here.")
    ] = None
    description: Annotated[str, Meta(max_length=1024, description="For people.")] = ""
    keys: Annotated[list[Key], Meta(description="Any of them is as good as the other.")] = []
    limits: Annotated[
        dict[LimitName, Annotated[list[str], Meta(min_length=1)]],
        Meta(
            description="What holds for this consumer in place of `allow` of the `rate_limit` of "
            "that `name`: one for each of its allowances, of the same kind and period. For a "
            "`concurrency`, such as `[20 concurrent]`.",
            examples=[{"api": ["50/second burst 100", "2000/minute"]}],
        ),
    ] = {}


class FoundKey(msgspec.Struct, frozen=True):
    """A stored key as a worker gets it: with whose it is. `name` is `sg_<region>_<8 public>`."""

    name: str
    key: Key
    consumer_name: str
    consumer: Consumer
    team: Team | None
