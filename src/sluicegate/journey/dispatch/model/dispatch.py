"""What calls of models share, and the innermost step of a route with AI endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from sluicegate.journey.dispatch.model.calling import Calling
from sluicegate.journey.dispatch.model.continuation import Continuing
from sluicegate.journey.dispatch.model.errors import ErrorForm, tell
from sluicegate.journey.dispatch.model.listing import answer_models
from sluicegate.journey.dispatch.model.metering import MOST_TOKENS, Meter
from sluicegate.journey.dispatch.model.native import pass_native, pass_stored
from sluicegate.journey.dispatch.model.opening import Opening
from sluicegate.journey.dispatch.model.passage import Missing, PassThrough, Reframed, Translation
from sluicegate.journey.dispatch.model.reading import Reading
from sluicegate.journey.dispatch.model.sealing import (
    GOES_ON,
    ObjectSealing,
    check_names,
    maker,
    named,
    no_object,
)
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects import find
from sluicegate.llm.failure import CallError
from sluicegate.llm.signature import is_mixed
from sluicegate.model.name_pattern import read_patterns
from sluicegate.telemetry.genai import GenAi
from sluicegate.upstream.provider_link import APART

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from sluicegate.exchange import Exchange
    from sluicegate.journey.dispatch.model.passage import Passage
    from sluicegate.journey.record.books import Books
    from sluicegate.journey.run import Handle, Handler
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.canonical import Request
    from sluicegate.llm.dialect import Dialect, StreamWriter
    from sluicegate.llm.failure import Failure
    from sluicegate.llm.tokens import Estimator
    from sluicegate.metrics import Cell, HistogramCell, Metrics
    from sluicegate.model.model import Model
    from sluicegate.model.route import Ai
    from sluicegate.upstream.fetcher import Fetcher
    from sluicegate.upstream.models.deployment import Deployment
    from sluicegate.upstream.models.pool import ModelPool
    from sluicegate.upstream.provider_link import ProviderLink
    from sluicegate.wire.deadlines import Deadlines

FLAG: Final = msgspec.json.Decoder(bool | None)
IDS: Final = {"openai_chat": "chatcmpl-", "openai_responses": "resp_", "anthropic_messages": "msg_"}
"""How ids of answers begin in a dialect, for answers of providers that give none."""
MOST_SERIES: Final = 20_000
"""Combinations that are remembered here; past it the memory starts anew, and counts stay."""
KEEPS: Final = {"openai_responses": True, "openai_chat": False}
"""Dialects with objects that are kept, and whether they are unless told otherwise."""


class ModelDispatch:
    """One for a worker."""

    def __init__(
        self,
        deadlines: Deadlines,
        fetcher: Fetcher,
        metrics: Metrics,
        estimator: Estimator,
        books: Books,
    ) -> None:
        """Take what is shared."""
        self._dialects: dict[str, Dialect] = {}
        self.deadlines = deadlines
        self.fetcher = fetcher
        self.meter = Meter(estimator)
        self._books = books
        self._genai = GenAi(metrics)
        self._counts = _Counts(metrics)

    def opening(self, ai: Ai) -> Handle:
        """Return the first step of a route."""
        return Opening(ai, self.find, self._books.over).handle

    def reading(self, ai: Ai) -> tuple[Handle, Handler]:
        """Return the first step of `authorize`, and the innermost one."""
        reading = Reading(ai.max_body, read_patterns(ai.models, "models"))

        def step(exchange: Exchange) -> Awaitable[None]:
            return self.handle(exchange, reading)

        return reading.handle, step

    async def handle(self, exchange: Exchange, reading: Reading) -> None:
        """Answer what is asked of the endpoint."""
        call, form = exchange.call, exchange.speaks
        if call is None or not isinstance(form, ErrorForm):
            raise RuntimeError("a call that was not read")
        operation = call.endpoint.operation
        try:
            if operation == "call":
                await reading.again(exchange, call)
                await Calling(exchange, call, form, self).run()
            elif operation == "native":
                await pass_native(exchange, call, form, reading.max_body)
            elif operation == "stored":
                await pass_stored(exchange, call, form, reading)
            else:
                answer_models(exchange, call, form, reading)
        except CallError as error:
            tell(exchange, form, error.failure)

    def find(self, name: str) -> Dialect:
        """Return a dialect."""
        dialect = self._dialects.get(name)
        if dialect is None:
            dialect = self._dialects[name] = find(name)
        return dialect

    # --- asked by a calling ----------

    def passage(
        self,
        exchange: Exchange,
        call: ModelCall,
        deployment: Deployment,
        asked: str,
        config: Model,
    ) -> Passage:
        """Return the way in and out of a deployment, for the model `asked`. Raises CallError."""
        link, endpoint = deployment.link, call.endpoint
        model = deployment.model_for(asked)
        name = link.dialect_for(model, endpoint.dialect, deployment.config.dialect)
        caller = self.find(endpoint.dialect)
        if name == endpoint.dialect and not self._translates(exchange, call, caller):
            sealing = self._sealing(exchange, call, link)
            asks = link.config.stream_usage and link.facts.asks_usage(name, link.config)
            passage = PassThrough(call, caller, model, sealing, asks_usage=asks)
            return Reframed(passage) if endpoint.array else passage
        drop = config.unsupported == "drop"
        request = self._read(call, caller, drop=drop)
        sealing = self._sealing(exchange, call, link)
        if sealing is not None and GOES_ON in request.extras:
            request = replace(request, extras=request.extras | {GOES_ON: sealing.goes_on(call)})
        array = getattr(caller, "array_writer", None) if endpoint.array else None
        writer: StreamWriter = caller.writer(request) if array is None else array(request)
        if call.stream and self.continues(exchange):
            writer = Continuing(writer)
        missing = Missing(
            IDS.get(endpoint.dialect, "") + exchange.request.request_id,
            model,
            exchange.clock.wall_us() // 1_000_000,
        )
        return Translation(call, request, caller, self.find(name), writer, missing, drop=drop)

    def _translates(self, exchange: Exchange, call: ModelCall, caller: Dialect) -> bool:
        """Whether a call goes through the canonical form though both sides speak the same."""
        if call.endpoint.dialect in APART:
            return False
        if is_mixed(call.body, caller.family):
            return True
        # What a provider keeps is not continued elsewhere: it would be kept nowhere.
        return call.stream and self.continues(exchange) and not bound(call)

    def _read(self, call: ModelCall, caller: Dialect, *, drop: bool) -> Request:
        """Read the call, once. Raises CallError."""
        if call.request is None:
            incoming = Incoming(call.body, call.asked, call.stream)
            call.request, dropped = caller.read_request(incoming, drop=drop)
            call.unknown += dropped
        return call.request

    def _sealing(
        self, exchange: Exchange, call: ModelCall, link: ProviderLink
    ) -> ObjectSealing | None:
        return ObjectSealing(exchange, link) if bound(call) else None

    def excluded(self, exchange: Exchange, call: ModelCall) -> set[Deployment]:
        """Return deployments that cannot be asked, by what the call says. Raises CallError.

        That are all but the one that the caller has named, and all but those of the provider that
        keeps what the call goes on with.
        """
        pool = call.pool
        if pool is None:
            return set()
        if call.endpoint.dialect == "openai_responses":
            check_names(call)
        excluded: set[Deployment] = set()
        only = None if call.overrides is None else call.overrides.deployment
        if only is not None:
            excluded |= {each for each in pool.deployments if each.name != only}
        previous = named(call) if bound(call) else None
        if previous is not None:
            links = {each.link.name: each.link for each in pool.deployments}
            made = maker(previous, exchange.consumer_name or "", links.values())
            if made is None:
                raise CallError(no_object(previous, "previous_response_id"))
            excluded |= {each for each in pool.deployments if each.link is not made[0]}
        return excluded

    def next_model(
        self, exchange: Exchange, pool: ModelPool, failure: Failure, tried: set[str]
    ) -> str | None:
        """Return the name of the model to ask after a failure; None where there is none."""
        call = exchange.call
        overrides = None if call is None else call.overrides
        if overrides is not None and (overrides.deployment or not overrides.fallback):
            return None
        return exchange.snapshot.models.next_model(pool, failure.kind, tried)

    def continues(self, exchange: Exchange) -> bool:
        """Whether a stream that breaks off goes on elsewhere."""
        route = exchange.route
        return route is not None and route.config.ai is not None and (
            route.config.ai.continue_streams
        )  # fmt: skip

    def tells_as_litellm(self, exchange: Exchange) -> bool:
        """Whether answers have LiteLLM's headers, too."""
        route = exchange.route
        return route is not None and route.config.ai is not None and route.config.ai.litellm_headers

    def count(self, exchange: Exchange, call: ModelCall, outcome: str) -> None:
        """Count a call that is over."""
        self._counts.over(exchange, call, outcome)
        self._genai.over(exchange, call, outcome)


class _Counts:
    """The families that calls are counted in."""

    def __init__(self, metrics: Metrics) -> None:
        self._calls = metrics.family(
            "sluicegate_model_calls_total",
            "counter",
            "Calls of models: `ok`, `cancelled` by the caller, or what went wrong in the end. "
            "`deployment` is the one that was asked last.",
            ("model", "deployment", "outcome"),
        )
        self._first_token = metrics.family(
            "sluicegate_model_first_token_seconds",
            "histogram",
            "From the call to the first token of a stream, or to a whole answer.",
            ("model", "deployment"),
        )
        self._tokens = metrics.family(
            "sluicegate_model_tokens_total",
            "counter",
            "Tokens as providers count them: `input` (`cached` is a part of it) and `output` "
            "(`reasoning` is a part of it).",
            ("model", "deployment", "kind"),
        )
        self._known: dict[tuple[str, str], _Series] = {}

    def over(self, exchange: Exchange, call: ModelCall, outcome: str) -> None:
        series = self._of(call.alias or "", call.deployment or "")
        ended = series.ended.get(outcome)
        if ended is None:
            ended = series.ended[outcome] = self._calls.cell(*series.labels, outcome)
        ended.value += 1
        if call.first_token_at:
            if series.first_token is None:
                series.first_token = self._first_token.histogram(*series.labels)
            series.first_token.observe(call.first_token_at - exchange.started_at)
        usage = call.usage
        if usage is not None:
            self._add(series, "input", usage.input)
            self._add(series, "output", usage.output)
            if usage.cached:
                self._add(series, "cached", usage.cached)
            if usage.reasoning:
                self._add(series, "reasoning", usage.reasoning)

    def _add(self, series: _Series, kind: str, tokens: int) -> None:
        cell = series.tokens.get(kind)
        if cell is None:
            cell = series.tokens[kind] = self._tokens.cell(*series.labels, kind)
        cell.value += _counted(tokens)

    def _of(self, model: str, deployment: str) -> _Series:
        labels = (model, deployment)
        series = self._known.get(labels)
        if series is None:
            if len(self._known) >= MOST_SERIES:
                self._known.clear()
            series = self._known[labels] = _Series(labels)
        return series


class _Series:
    """The numbers of one model and deployment; none is there before it counts something."""

    __slots__ = ("ended", "first_token", "labels", "tokens")

    def __init__(self, labels: tuple[str, str]) -> None:
        self.labels = labels
        self.ended: dict[str, Cell] = {}
        self.tokens: dict[str, Cell] = {}
        self.first_token: HistogramCell | None = None


def _counted(tokens: int) -> int:
    """Return what a provider says, if it can be: a counter never falls, nor jumps for ever."""
    return tokens if 0 <= tokens <= MOST_TOKENS else 0


def keeps(call: ModelCall) -> bool:
    """Whether the provider is asked to keep what it answers."""
    default = KEEPS.get(call.endpoint.dialect)
    if default is None:
        return False
    raw = call.fields.get("store")
    if raw is None:
        return default
    try:
        said = FLAG.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return default  # the provider says what is wrong with it
    return default if said is None else said


def bound(call: ModelCall) -> bool:
    """Whether a call makes an object that is kept, or goes on with one."""
    return keeps(call) or (call.endpoint.dialect in KEEPS and GOES_ON in call.fields)
