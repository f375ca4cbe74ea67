"""The contract of a policy.

A policy is one file, `journey/<stage>/<name>.py`, or a module that a package names under the entry
point group `sluicegate.policies`. It holds two things:

- `Config`: a frozen struct (see `PolicyConfig`), whose field descriptions become the reference;
- `Policy`: built once per place of use from its `Config` and the `Parts`, with
  `async def handle(self, exchange, onward)`.

`handle` is the request side. It answers with `exchange.respond(…)` or `exchange.refuse(…)`, or
awaits `onward(exchange)`, which returns when the response has been sent (or refused further in).
`try/finally` around `onward` sees every outcome, cancellation included. Work on the response is
declared before `onward`: `exchange.on_head`, `on_chunk`, `on_end`, `whole`.

A policy that limits has `rules` beside `handle`: limits of one stage of a chain are taken together,
all or nothing, so of several such policies the rules are followed at the place of the first one.

A module from an entry point also says `STAGE`, the name of the stage it belongs to; for the files
here, the folder says it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol, runtime_checkable

from msgspec import Meta

from sluicegate.model.resource import Resource

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.exchange import Exchange
    from sluicegate.journey.authenticate.keyring import Keyring
    from sluicegate.journey.limit.away import Away
    from sluicegate.journey.limit.forecast import Forecast
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.journey.record.books import Books
    from sluicegate.metrics import Metrics
    from sluicegate.state.archive import Archive
    from sluicegate.state.cache.contract import Cache
    from sluicegate.state.contract import LimitState
    from sluicegate.telemetry.spans import SpanQueue

Onward = Callable[["Exchange"], Awaitable[None]]

ServiceName = Annotated[str, Meta(extra={"names": "services"})]
"""A field of a `Config` that names a service: one that is not there is a fault."""


class PolicyConfig(Resource, frozen=True, kw_only=True):
    """The settings of a policy as the operator writes them."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a policy may use beside its own settings. Built in `assemble.py`.

    `scope` says where the policy is used: `gateway`, `route:<name>` or `plan:<name>`. What a policy
    keeps in the state under its scope outlives a reload, and a plan's is one over all its routes.
    `away` counts while the state does not answer; `regions` share the limits of mode `eventual`;
    `ticket` makes texts that no other request uses.
    `aside` holds tasks that a policy runs beside its exchanges; they are cancelled at the end.
    `keyring` knows stored keys; it is one for the whole worker, and None where there is no store.
    `cache` keeps answers that may be given again; `archive` takes calls of models that are kept,
    and is None where there is no store.
    `forecast` says what a call of a model may use, and `books` keeps what it did. What a budget has
    reserved is kept alive for `reservation_s` at a time.
    """

    clock: Clock
    metrics: Metrics
    state: LimitState
    away: Away
    ticket: Callable[[], str]
    write_log: Callable[[bytes], None]
    forecast: Forecast
    books: Books
    reservation_s: float = 60.0
    scope: str = "gateway"
    regions: int = 1
    spans: SpanQueue | None = None
    aside: set[asyncio.Task[None]] = field(default_factory=set)
    keyring: Keyring | None = None
    cache: Cache | None = None
    archive: Archive | None = None


@runtime_checkable
class Limiting(Protocol):
    """A policy whose limits are taken together with those of others."""

    rules: Sequence[Rule]


class Policy(Protocol):
    """One configurable step on a route, a plan or everywhere."""

    def __init__(self, config: Any, parts: Parts) -> None:  # noqa: ANN401 - each has its own Config
        """Prepare all that does not depend on a request; raise ValueError for what cannot be."""

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Take part in one exchange."""
