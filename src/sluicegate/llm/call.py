"""One call of a model, as the journey sees it: `exchange.call`.

Made at the start of `authorize` from the body, filled in on the way. Policies read `asked` and
`alias`; dispatch writes what it did, for headers, logs and metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from msgspec import Raw

    from sluicegate.llm.canonical import Request, Usage
    from sluicegate.llm.endpoint import Endpoint
    from sluicegate.llm.failure import Failure
    from sluicegate.upstream.models.pool import ModelPool


class Overrides:
    """What the caller's headers say, where its plan allows that."""

    __slots__ = ("deployment", "fallback", "timeout_s")

    def __init__(self) -> None:
        """Nothing is said."""
        self.deployment: str | None = None
        self.fallback = True
        self.timeout_s: float | None = None


class Charge:
    """What one attempt has used, and what that costs in nano-USD; None where nobody knows."""

    __slots__ = ("cost", "usage")

    def __init__(self, usage: Usage, cost: int | None) -> None:
        """Keep both."""
        self.usage = usage
        self.cost = cost


class ModelCall:
    """`asked` is the model's name as the caller wrote it, `alias` the model's that it stands for.

    Where a name of a model ends in `*`, `alias` does, so it is good for labels. A native
    pass-through asks for `proxy/<provider>`. `fields` are the members of the body, as they came;
    `request` is what they say, once it was read. `allows` say of a model's name whether the caller
    may see it. `unknown` are fields that nobody knows, `dropped` those that were left out for who
    has answered. `charges` are of all attempts that used something, the one that answered last.
    `from_cache`: nobody was asked. `waited_s` is how long it took providers to begin an answer,
    or to give a whole one. `at_us` is when it was admitted, in UTC microseconds since 1970, and
    with it which prices go; 0 until somebody asks for one. Other times are monotonic seconds.
    """

    __slots__ = (
        "alias", "allows", "asked", "at_us", "body", "charges", "deployment", "dropped", "endpoint",
        "failure", "fields", "first_token_at", "from_cache", "overrides", "pool", "provider",
        "request", "stream", "unknown", "usage", "waited_s",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, asked: str) -> None:
        """Nothing was done yet."""
        self.endpoint = endpoint
        self.asked = asked
        self.alias: str | None = None
        self.allows: list[Callable[[str], bool]] = []
        self.pool: ModelPool | None = None
        self.overrides: Overrides | None = None
        self.stream = endpoint.stream
        self.body = b""
        self.fields: dict[str, Raw] = {}
        self.deployment: str | None = None
        self.provider: str | None = None
        self.request: Request | None = None
        self.usage: Usage | None = None
        self.failure: Failure | None = None
        self.unknown: list[str] = []
        self.dropped: list[str] = []
        self.first_token_at = 0.0
        self.charges: list[Charge] = []
        self.from_cache = False
        self.waited_s = 0.0
        self.at_us = 0

    @property
    def cost(self) -> int | None:
        """What all attempts cost together, in nano-USD; None where a price is not known."""
        total = 0
        for charge in self.charges:
            if charge.cost is None:
                return None
            total += charge.cost
        return total

    @property
    def tokens(self) -> int:
        """How many tokens all attempts used together."""
        return sum(charge.usage.total for charge in self.charges)
