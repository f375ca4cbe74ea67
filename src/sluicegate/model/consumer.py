"""A consumer: who calls, and the keys they call with."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sluicegate.model.resource import Resource

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


class Key(Resource, frozen=True, kw_only=True):
    """A key of a consumer: either a hash of it, or a reference to where it is kept.

    Exactly one of `hash` and `value` is given.
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


class Consumer(Resource, frozen=True, kw_only=True):
    """Who calls."""

    plan: Annotated[str | None, Meta(description="Name of a plan.")] = None
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
