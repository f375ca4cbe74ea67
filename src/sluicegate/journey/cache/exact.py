r"""`exact`: an answer that was given before is given again.

Asked for again is what is the same: the caller (unless `shared`), the model and what the body says,
or the URL, and the headers that `vary` names. Callers without a name are one caller. Kept are whole
answers of status 200 and streams that came to their end, as the service gave them: policies see
them again each time. Never kept are errors, streams that were cut, what a fallback model has said,
what a provider keeps too (`store`, which is the default of OpenAI's Responses), and, unless `tools`
says so, calls that come with tools and answers that call one. `Cache-Control` of a request holds
for calls of models too; for other routes RFC 9111 holds, but that nothing is revalidated, and that
a change of a resource is seen only once its answer's time has passed.

An answer that was kept says `sluicegate-cache: hit` and its `age`, and is charged as a request,
with no tokens and no money. Where answers are kept, `cache` says; if that is away, nothing is kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from sluicegate.journey.cache.caching import Wish, age_s, life_s
from sluicegate.journey.cache.kept import FORM, Kept, read, write
from sluicegate.journey.cache.keys import Keys, check_names
from sluicegate.journey.cache.recording import Recording, stays
from sluicegate.journey.cache.replay import replay
from sluicegate.model.resource import FieldFault
from sluicegate.model.units import Duration, Size
from sluicegate.policy import PolicyConfig
from sluicegate.state.cache.contract import MOST_LIFE_S

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.llm.call import ModelCall
    from sluicegate.policy import Onward, Parts

OUTCOMES: Final = ("hit", "miss", "bypass")
KEEPING: Final = ("kept", "unfit", "large")
CALLS_TOOL: Final = re.compile(
    rb'"(?:tool_calls|function_call|functionCall|toolUse)"\s*:\s*(?!null|\[\s*\]|"")\S'
    rb'|"type"\s*:\s*"(?:[a-z_]*tool_use|[a-z_]+_call)"'
)
"""A tool called in an answer: the members that openai-python, google-genai and botocore name so,
and the types of parts that openai-python (Responses) and anthropic do. In a text the quotes would
be escaped."""


class Config(PolicyConfig, frozen=True, kw_only=True):
    """What is kept, for whom, and for how long."""

    ttl: Annotated[
        Duration,
        Meta(
            description="How long an answer is good; elsewhere than on AI endpoints, where the "
            "service does not say. Above 0, `30d` at most. Varnish: 120 s."
        ),
    ] = Duration(120)
    shared: Annotated[
        bool, Meta(description="One answer for all callers, rather than each its own.")
    ] = False
    vary: Annotated[
        list[str], Meta(description="Headers of requests that the answer depends on.")
    ] = []
    tools: Annotated[
        bool, Meta(description="Also calls with tools. What a tool does is then not done again.")
    ] = False
    max_size: Annotated[
        Size, Meta(description="Largest answer that is kept. memcached: 1 MiB.")
    ] = Size(1048576)
    pace: Annotated[
        Literal["speed", "original"],
        Meta(description="Streams again: as fast as can be, or at the pace of the first time."),
    ] = "speed"

    def __post_init__(self) -> None:
        """Refuse what can keep nothing."""
        if not 0 < self.ttl <= MOST_LIFE_S:
            raise FieldFault(("ttl",), f"found {self.ttl}; expected a time above 0, at most `30d`")
        check_names(self.vary)


class Policy:
    """Gives kept answers, and keeps others as they pass by."""

    __slots__ = ("_cache", "_clock", "_keeping", "_keys", "_max", "_outcomes", "_paced", "_tools",
                 "_ttl_s")  # fmt: skip

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare; without a cache everything passes by."""
        self._cache = parts.cache
        self._clock = parts.clock
        self._keys = Keys(config.vary, shared=config.shared, tools=config.tools)
        self._ttl_s = float(config.ttl)
        self._max = int(config.max_size)
        self._tools = config.tools
        self._paced = config.pace == "original"
        outcomes = parts.metrics.family(
            "sluicegate_cache_requests_total",
            "counter",
            "Requests that the policy `exact` looked at: `hit`, `miss`, or `bypass` where nothing "
            "may be kept or used.",
            ("scope", "outcome"),
        )
        keeping = parts.metrics.family(
            "sluicegate_cache_answers_total",
            "counter",
            "Answers after a miss: `kept`; `unfit`, an error or what must not be kept; or `large`.",
            ("scope", "outcome"),
        )
        self._outcomes = {each: outcomes.cell(parts.scope, each) for each in OUTCOMES}
        self._keeping = {each: keeping.cell(parts.scope, each) for each in KEEPING}

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Answer with what is kept, or keep what comes."""
        wish = Wish(exchange.request.headers)
        key = await self._keys.of(exchange) if wish.keeps and self._cache is not None else None
        if key is None or self._cache is None:
            self._outcomes["bypass"].value += 1
            await onward(exchange)
            return
        if wish.reads:
            kept = await self._find(key, wish)
            if kept is not None:
                self._outcomes["hit"].value += 1
                call = exchange.call
                if call is not None:
                    call.from_cache = True
                    call.provider, call.deployment = kept.provider, kept.deployment
                await replay(exchange, kept, paced=self._paced)
                return
        self._outcomes["miss"].value += 1
        recording = Recording(self._clock, self._max)
        exchange.tap = recording
        try:
            await onward(exchange)
        finally:
            exchange.tap = None
        if recording.whole or recording.large:
            self._keep(exchange, key, recording)

    async def _find(self, key: bytes, wish: Wish) -> Kept | None:
        value = None if self._cache is None else await self._cache.get(key)
        kept = None if value is None else read(value)
        if kept is None or kept.age(self._clock.wall_us()) > wish.oldest_s:
            return None
        return kept

    def _keep(self, exchange: Exchange, key: bytes, recording: Recording) -> None:
        """Keep an answer, if it may be."""
        now_us = self._clock.wall_us()
        good_s = self._life_s(exchange, recording, now_us)
        if good_s is None or recording.large or self._cache is None:
            self._keeping["unfit" if good_s is None else "large"].value += 1
            return
        body = b"".join(recording.pieces)
        call = exchange.call
        if call is not None and not self._tools and CALLS_TOOL.search(body):
            self._keeping["unfit"].value += 1
            return
        several = len(recording.pieces) > 1
        kept = Kept(
            FORM,
            [pair for pair in recording.headers if stays(pair[0])],
            recording.length,
            body,
            [len(piece) for piece in recording.pieces] if several else [],
            recording.gaps_us if several else [],
            now_us,
            0 if call is not None else age_s(recording.headers),
            None if call is None else call.provider,
            None if call is None else call.deployment,
        )
        self._keeping["kept"].value += 1
        self._cache.put(key, write(kept), min(good_s, MOST_LIFE_S))

    def _life_s(self, exchange: Exchange, recording: Recording, now_us: int) -> float | None:
        """Return how long an answer is good; None for what must not be kept."""
        call = exchange.call
        if exchange.problem is not None:
            return None
        if call is not None:
            return self._ttl_s if _is_own(call) else None
        headers = exchange.request.headers
        return life_s(headers, recording.headers, self._keys.known, self._ttl_s, now_us)


def _is_own(call: ModelCall) -> bool:
    """Whether the model that was asked for has answered, and now."""
    if call.failure is not None or call.from_cache or call.pool is None:
        return False
    return call.deployment is not None and call.pool.find(call.deployment) is not None
