"""Calls of models in the words of OpenTelemetry's conventions for generative AI.

Names of attributes, metrics and values, and the buckets, are those of
https://github.com/open-telemetry/semantic-conventions-genai (`docs/gen-ai/gen-ai-metrics.md` and
`gen-ai-spans.md`, status: development; until 1.41 part of the general conventions). Metrics have
their Prometheus form: dots become `_`, the unit follows
(https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).

The model asked for is the name that stands in the configuration, with `*` where that has one, and
the model that answers is the deployment's, so that the number of series is bounded by it. Tokens
that were only estimated are in no metric of theirs ("otherwise it MUST NOT report usage metric").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.canonical import Usage
    from sluicegate.metrics import Cell, Family, HistogramCell, Metrics
    from sluicegate.snapshot.table import Snapshot
    from sluicegate.upstream.models.deployment import Deployment

OPERATIONS: Final = {
    "openai_chat": "chat",
    "openai_responses": "chat",
    "anthropic_messages": "chat",
    "gemini_generate": "generate_content",
    "openai_completions": "text_completion",
    "openai_embeddings": "embeddings",
}
"""`gen_ai.operation.name` by the caller's dialect. What has no name there is called as it is."""
VENDORS: Final = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""`gen_ai.provider.name` by the provider's kind; all others are called as their kind is."""
REASONS: Final = {
    "end": "stop",
    "length": "length",
    "tool_calls": "tool_call",
    "stop_sequence": "stop",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "pause": "stop",
}
"""`gen_ai.response.finish_reasons`: words of `FinishReason` in `gen-ai-output-messages.json`."""
TOKEN_BUCKETS: Final = (
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
)  # fmt: skip
DURATION_BUCKETS: Final = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
FIRST_TOKEN_BUCKETS: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
PER_TOKEN_BUCKETS: Final = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
)  # fmt: skip
SPEED_BUCKETS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
OK: Final = "ok"
NOBODY: Final = "-"
OTHER: Final = "other"
MOST_CONSUMERS: Final = 1000
"""Told apart by what they cost, per worker; those that come later are `other`."""
MOST_SERIES: Final = 20_000
"""Combinations that are remembered here; past it the memory starts anew, and counts stay."""
MOST_TOKENS: Final = 1_000_000_000
"""Of one call: more is no count."""
MOST_REASONS: Final = 128
"""OpenAI gives at most 128 choices (`n`)."""


def operation_of(dialect: str) -> str:
    """Return the name of what is asked for in a caller's dialect."""
    return OPERATIONS.get(dialect, dialect)


def vendor_of(kind: str) -> str:
    """Return the name of a provider of this kind."""
    return VENDORS.get(kind, kind)


class ModelSpan:
    """What the span of an attempt says of the model; filled in as the answer comes.

    `authority` is the provider's host, with a port where its URL has one, `scheme` its URL's.
    `first_token_s` is from the attempt's beginning; 0: none came, or it was no stream. `cost` is
    in nano-USD, None where nobody knows.
    """

    __slots__ = (
        "authority", "cost", "first_token_s", "model", "operation", "reasons", "response_id",
        "response_model", "scheme", "stream", "usage", "vendor",
    )  # fmt: skip

    def __init__(
        self, dialect: str, kind: str, model: str, *, stream: bool, scheme: str, authority: str
    ) -> None:
        """`model` is the provider's name of it; `dialect` the caller's; `kind` the provider's."""
        self.operation = operation_of(dialect)
        self.vendor = vendor_of(kind)
        self.model = model
        self.stream = stream
        self.scheme = scheme
        self.authority = authority
        self.response_id = ""
        self.response_model = ""
        self.reasons: list[str] = []
        self.usage: Usage | None = None
        self.first_token_s = 0.0
        self.cost: int | None = None

    def named(self, id_: str, model: str) -> None:
        """Note what the provider calls its answer, and the model that gives it."""
        self.response_id = id_
        self.response_model = model

    def stopped(self, reason: str) -> None:
        """Note why a choice ended, by `canonical.StopReason`."""
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append(REASONS.get(reason, reason))


class Series:
    """The numbers of one operation, provider and model."""

    __slots__ = ("durations", "first_token", "input", "labels", "output", "per_token", "speed")

    def __init__(self, labels: tuple[str, str, str, str]) -> None:
        """`labels`: operation, provider, model asked for, model that answers. No number yet."""
        self.labels = labels
        self.durations: dict[str, HistogramCell] = {}
        self.input: HistogramCell | None = None
        self.output: HistogramCell | None = None
        self.first_token: HistogramCell | None = None
        self.per_token: HistogramCell | None = None
        self.speed: HistogramCell | None = None


class GenAi:
    """Counts calls of models that are over."""

    __slots__ = ("_consumers", "_cost", "_costs", "_durations", "_first_tokens", "_known",
                 "_per_tokens", "_snapshot", "_speeds", "_tokens")  # fmt: skip

    def __init__(self, metrics: Metrics) -> None:
        """Declare the families."""
        self._tokens, self._durations = _client_families(metrics)
        self._first_tokens, self._per_tokens = _server_families(metrics)
        self._speeds = metrics.family(
            "sluicegate_model_output_tokens_per_second",
            "histogram",
            "Output tokens a second of streams, after the first one.",
            ("model", "deployment"),
            bounds=SPEED_BUCKETS,
        )
        self._cost = metrics.family(
            "sluicegate_cost_nano_usd_total",
            "counter",
            "What calls of models cost, all their attempts, where prices are known. Of consumers, "
            "1000 are told apart per worker; the rest are `other`, calls of nobody are `-`.",
            ("consumer", "model"),
        )
        self._known: dict[tuple[str, str, str, str], Series] = {}
        self._costs: dict[tuple[str, str], Cell] = {}
        self._consumers: set[str] = set()
        self._snapshot: Snapshot | None = None

    def over(self, exchange: Exchange, call: ModelCall, outcome: str) -> None:
        """Count a call that is over: `ok`, or what went wrong in the end.

        Not for those that the cache has answered: nobody was asked.
        """
        series = self._series(exchange, call)
        ended = exchange.clock.monotonic()
        error = "" if outcome == OK else outcome
        duration = series.durations.get(error)
        if duration is None:
            duration = series.durations[error] = self._durations.histogram(*series.labels, error)
        duration.observe(ended - exchange.started_at)
        usage = call.usage
        if usage is not None and not usage.estimated:
            self._count_tokens(series, usage)
        first_at = call.first_token_at
        if not error and call.stream and first_at:
            output = 0 if usage is None else usage.output
            self._count_times(
                series, call, first_at - exchange.started_at, ended - first_at, output
            )
        cost = call.cost
        if cost:
            self._charge(exchange.consumer_name or NOBODY, call.alias or "", cost)

    def _count_tokens(self, series: Series, usage: Usage) -> None:
        if series.input is None or series.output is None:
            series.input = self._tokens.histogram(*series.labels, "input")
            series.output = self._tokens.histogram(*series.labels, "output")
        if 0 < usage.input <= MOST_TOKENS:
            series.input.observe(float(usage.input))
        if 0 < usage.output <= MOST_TOKENS:
            series.output.observe(float(usage.output))

    def _count_times(
        self, series: Series, call: ModelCall, first_s: float, rest_s: float, output: int
    ) -> None:
        """Count the first token of a stream, and how fast the others came."""
        if series.first_token is None:
            series.first_token = self._first_tokens.histogram(*series.labels)
        series.first_token.observe(first_s)
        if rest_s <= 0.0 or not 1 < output <= MOST_TOKENS:
            return
        if series.per_token is None or series.speed is None:
            series.per_token = self._per_tokens.histogram(*series.labels)
            series.speed = self._speeds.histogram(call.alias or "", call.deployment or "")
        series.per_token.observe(rest_s / (output - 1))
        series.speed.observe((output - 1) / rest_s)

    def _charge(self, consumer: str, model: str, cost: int) -> None:
        cell = self._costs.get((consumer, model))
        if cell is None:
            if len(self._costs) >= MOST_SERIES:
                self._costs.clear()
            known = consumer in self._consumers
            if not known and len(self._consumers) < MOST_CONSUMERS:
                self._consumers.add(consumer)
                known = True
            cell = self._cost.cell(consumer if known else OTHER, model)
            if known:
                self._costs[consumer, model] = cell
        cell.value += cost

    def _series(self, exchange: Exchange, call: ModelCall) -> Series:
        if exchange.snapshot is not self._snapshot:
            # A provider of the same name may be another one's now.
            self._known.clear()
            self._snapshot = exchange.snapshot
        dialect = call.endpoint.dialect
        key = (dialect, call.alias or "", call.provider or "", call.deployment or "")
        series = self._known.get(key)
        if series is None:
            if len(self._known) >= MOST_SERIES:
                self._known.clear()
            deployment = _deployment(exchange.snapshot, key)
            vendor = model = ""
            if deployment is not None:
                vendor = vendor_of(deployment.link.config.kind)
                model = deployment.config.model or deployment.model
            series = self._known[key] = Series((operation_of(dialect), vendor, key[1], model))
        return series


def _deployment(snapshot: Snapshot, key: tuple[str, str, str, str]) -> Deployment | None:
    """Return who was asked last; None where nobody was, or it is there no more.

    Names are unique within a model. What is not of the model asked for is of one it fell back to.
    """
    _, alias, provider, name = key
    pools = snapshot.models.pools
    for pool in sorted(pools.values(), key=lambda each: each.name != alias):
        found = pool.find(name)
        if found is not None and found.link.name == provider:
            return found
    return None


def _client_families(metrics: Metrics) -> tuple[Family, Family]:
    """Return tokens and durations: what the gateway sees as the providers' client."""
    return metrics.family(
        "gen_ai_client_token_usage",
        "histogram",
        "Tokens of a call as the provider counts them (OpenTelemetry: gen_ai.client.token.usage).",
        ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
         "gen_ai_response_model", "gen_ai_token_type"),
        bounds=TOKEN_BUCKETS,
    ), metrics.family(
        "gen_ai_client_operation_duration_seconds",
        "histogram",
        "A call of a model, all its attempts, with what went wrong in the end in `error_type` "
        "(OpenTelemetry: gen_ai.client.operation.duration).",
        ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
         "gen_ai_response_model", "error_type"),
        bounds=DURATION_BUCKETS,
    )  # fmt: skip


def _server_families(metrics: Metrics) -> tuple[Family, Family]:
    """Return times of tokens: what the gateway's own callers see of it."""
    return metrics.family(
        "gen_ai_server_time_to_first_token_seconds",
        "histogram",
        "From the request to the first token of a stream that went well (OpenTelemetry: "
        "gen_ai.server.time_to_first_token).",
        ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
         "gen_ai_response_model"),
        bounds=FIRST_TOKEN_BUCKETS,
    ), metrics.family(
        "gen_ai_server_time_per_output_token_seconds",
        "histogram",
        "Between two output tokens of a stream that went well, after the first one "
        "(OpenTelemetry: gen_ai.server.time_per_output_token).",
        ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
         "gen_ai_response_model"),
        bounds=PER_TOKEN_BUCKETS,
    )  # fmt: skip
