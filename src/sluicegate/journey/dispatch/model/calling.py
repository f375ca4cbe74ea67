"""The innermost step of a route with AI endpoints: deployments are called until one answers.

Before the first token a failure is invisible: another deployment, another model, or the same one a
little later takes over (`upstream/models/retry.py` decides). After it the stream goes on elsewhere
where the route allows that, or ends with an error event of the caller's dialect; never as if whole.
A second call may cost money twice, but changes nothing at a provider, so that POSTs are repeated.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from sluicegate.errors import UpstreamError, answer_for
from sluicegate.headers import Headers
from sluicegate.journey.dispatch.model.attempt import ModelAttempt
from sluicegate.journey.dispatch.model.continuation import Continuing, asked_to_go_on, continued
from sluicegate.journey.dispatch.model.cost_told import cost_headers
from sluicegate.journey.dispatch.model.errors import PROBLEMS, known, late, shown, tell
from sluicegate.journey.dispatch.model.images import LONGEST_S, fetched, has_urls
from sluicegate.journey.dispatch.model.passage import Translation
from sluicegate.journey.dispatch.model.race import Race
from sluicegate.journey.run import answer
from sluicegate.llm.failure import CallError
from sluicegate.upstream.models.retry import ANOTHER, FALLBACK, WAIT, retry_decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.journey.dispatch.model.dispatch import ModelDispatch
    from sluicegate.journey.dispatch.model.errors import ErrorForm
    from sluicegate.journey.dispatch.model.passage import Passage
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.dialect import Outgoing
    from sluicegate.llm.failure import Failure
    from sluicegate.upstream.models.deployment import Deployment, Held
    from sluicegate.upstream.models.pool import ModelPool
    from sluicegate.upstream.provider_link import ProviderLink

NEVER: Final = float("inf")
JSON: Final = b"application/json"
MOST_NAMED: Final = 1024
"""Characters of what a caller has named, in a header of the answer."""
OK: Final = "ok"
CANCELLED: Final = "cancelled"


class Calling:
    """All calls of providers for one exchange."""

    __slots__ = (
        "_all", "_models", "_parts", "_sticky", "_tried", "_waits", "_writer", "asked", "call",
        "deadlines", "exchange", "form", "meter", "pool", "stream_type", "until",
    )  # fmt: skip

    def __init__(
        self, exchange: Exchange, call: ModelCall, form: ErrorForm, parts: ModelDispatch
    ) -> None:
        """`until` is when all of it must have ended, monotonic seconds."""
        if call.pool is None:
            raise RuntimeError("a call without a model")
        self.exchange = exchange
        self.call = call
        self.form = form
        self.pool: ModelPool = call.pool
        self.asked = call.asked
        self.deadlines = parts.deadlines
        self.meter = parts.meter
        self.stream_type = JSON if call.endpoint.array else form.dialect.stream_type
        overrides = call.overrides
        timeout_s = None if overrides is None else overrides.timeout_s
        limit = NEVER if timeout_s is None else exchange.started_at + timeout_s
        self.until = min(exchange.deadline, limit)
        self._parts = parts
        self._all: ModelPool = call.pool
        self._models = {call.pool.name}
        self._tried = parts.excluded(exchange, call)
        self._sticky = call.pool.sticky_key(exchange, call.fields)
        self._writer: Continuing | None = None
        self._waits = 0

    async def run(self) -> None:
        """Answer, one way or another."""
        outcome = CANCELLED
        try:
            attempt = await self._answered()
            if attempt is not None:
                await self._pass_on(attempt)
            outcome = OK if self.call.failure is None else self.call.failure.kind
        except UpstreamError as error:
            outcome = error.reason
            answer(self.exchange, answer_for(error))
        finally:
            self._parts.count(self.exchange, self.call, outcome)

    async def _answered(self) -> ModelAttempt | None:
        """Call until there is something to pass on. Tells the caller if there never is."""
        taken = await self._take(self.pool)
        last: Failure | None = None
        raw: bytes | None = None
        while True:
            deployment: Deployment | None = None
            if taken is None:
                failure = last or self.pool.exhausted()
            else:
                deployment = taken[0]
                attempt, said = await self._begin(*taken)
                if said is None:
                    return attempt
                failure, raw = said, attempt.raw_error
            last = failure
            following = await self.following(failure, deployment)
            if following is None:
                self._give_up(failure, raw)
                return None
            taken = following

    async def following(
        self, failure: Failure, deployment: Deployment | None
    ) -> tuple[Deployment, Held] | None:
        """Return who is asked next, None for nobody."""
        clock, config = self.exchange.clock, self._all.config
        to = self._parts.next_model(self.exchange, self._all, failure, self._models)
        decision = retry_decision(
            failure,
            attempts=self.exchange.attempts + self._waits,
            most=config.attempts,
            another=deployment is not None and self.pool.has_another(self._tried),
            fallback=to is not None,
            max_wait_s=float(config.max_wait),
            left_s=self.until - clock.monotonic(),
            chance=random.random(),  # noqa: S311 - spreads load, no secret
        )
        action = decision.action
        taken: tuple[Deployment, Held] | None = None
        if action == ANOTHER:
            taken = await self._take(self.pool)
        while taken is None and to is not None and action in (ANOTHER, FALLBACK):
            taken = await self._fall_back(to, failure)
            to = self._parts.next_model(self.exchange, self._all, failure, self._models)
        if taken is None and (deployment is None or action in (ANOTHER, WAIT)):
            resort = self.pool.last_resort(self._tried)
            if resort is not None:
                return await self._admitted(resort)
        if taken is None and action == WAIT:
            self._waits += deployment is None
            await clock.sleep(decision.wait_s)
            self._tried = self._parts.excluded(self.exchange, self.call)
            taken = await self._take(self.pool, again=deployment)
        return taken

    async def _fall_back(self, to: str, failure: Failure) -> tuple[Deployment, Held] | None:
        """Go on to another model."""
        self._models.add(to)
        other = self.exchange.snapshot.models.find(to)
        if other is None:
            return None
        self._all.fell_back(to, failure.kind)
        self.pool = other
        self.asked = to
        return await self._take(other)

    async def _take(
        self, pool: ModelPool, again: Deployment | None = None
    ) -> tuple[Deployment, Held] | None:
        """Choose a deployment that may be called, `again` if there is one to ask once more."""
        if again is not None:
            taken = await self._admitted(again)
            if taken is not None:
                return taken
        while True:
            deployment = self._named(pool) or pool.pick(self._tried, self._sticky)
            if deployment is None:
                return None
            taken = await self._admitted(deployment)
            if taken is not None:
                return taken

    def _named(self, pool: ModelPool) -> Deployment | None:
        """Return the deployment that the caller has named, whatever its weight."""
        overrides = self.call.overrides
        if overrides is None or overrides.deployment is None:
            return None
        named = pool.find(overrides.deployment)
        return None if named is None or named in self._tried or not named.available else named

    async def _admitted(self, deployment: Deployment) -> tuple[Deployment, Held] | None:
        self._tried.add(deployment)
        held = await deployment.admit(self.exchange)
        return None if held is None else (deployment, held)

    async def _begin(
        self, deployment: Deployment, held: Held
    ) -> tuple[ModelAttempt, Failure | None]:
        """Call one deployment, and another one beside it where the first token is late."""
        first = self.attempt(deployment, held)
        hedging = self.pool.hedging
        delay_s = None if hedging is None else hedging.delay()
        if hedging is None or delay_s is None:
            failure = await first.begin()
            if hedging is not None and failure is None:
                hedging.observe(first.first_token_s)
            return first, failure
        return await Race(self, first, hedging, delay_s).run()

    def attempt(self, deployment: Deployment, held: Held) -> ModelAttempt:
        """Prepare a call of a deployment."""
        exchange, call = self.exchange, self.call
        exchange.attempts += 1
        exchange.service = call.provider = deployment.link.name
        exchange.target = call.deployment = deployment.name
        return ModelAttempt(self, deployment, held)

    async def second(self) -> ModelAttempt | None:
        """Return a call to make beside one that is late; None where nobody else can be asked."""
        deployment = self.pool.pick(self._tried)
        if deployment is None:
            return None
        taken = await self._admitted(deployment)
        return None if taken is None else self.attempt(*taken)

    # --- asked by attempts ----------

    def passage(self, deployment: Deployment) -> Passage:
        """Return the way in and out of a deployment. Raises CallError."""
        config = self._all.config
        passage = self._parts.passage(self.exchange, self.call, deployment, self.asked, config)
        writer = self._writer
        if writer is not None and isinstance(passage, Translation) and passage.request is not None:
            passage.request = asked_to_go_on(passage.request, writer.said)
            passage.writer = writer
        return passage

    def joins(self, attempt: ModelAttempt) -> bool:
        """Whether a stream that broke off can go on; then the next passage continues it."""
        passage = attempt.passage
        writer = passage.writer if isinstance(passage, Translation) else None
        if not isinstance(writer, Continuing) or not writer.possible or not writer.said:
            return False
        writer.join(self.call.usage)
        self._writer = writer
        return True

    async def outgoing(self, passage: Passage) -> Outgoing:
        """Return what is sent, with images in it where only their URLs were. Raises CallError."""
        try:
            return passage.outgoing()
        except CallError as error:
            hosts = self._all.config.fetch_images
            request = passage.request
            unsaid = error.failure.kind == "unsupported"
            if not hosts or request is None or not unsaid or not has_urls(request):
                raise
        until = min(self.until, self.exchange.clock.monotonic() + LONGEST_S)
        passage.request = await fetched(request, hosts, self._parts.fetcher, until)
        if self._writer is None:
            self.call.request = passage.request  # a second attempt does not fetch again
        return passage.outgoing()

    def forwarded(self, link: ProviderLink, dialect: str) -> Sequence[tuple[bytes, bytes]]:
        """Return headers of the caller that its own dialect's provider gets."""
        if dialect != self.call.endpoint.dialect:
            return ()
        forwards = link.facts.forwards
        if not forwards:
            return ()
        return [field for field in self.exchange.request.headers if field[0] in forwards]

    def head(self, attempt: ModelAttempt, media: bytes) -> Headers:
        """Return the head of the answer that counts; `media` of a stream, "" for JSON."""
        call, deployment = self.call, attempt.deployment
        headers = Headers(
            (
                (b"content-type", media or JSON),
                (b"sluicegate-model", _in_a_line(call.asked)),
                (b"sluicegate-provider", _in_a_line(deployment.link.name)),
                (b"sluicegate-attempts", str(self.exchange.attempts).encode()),
            )
        )
        if media:
            headers.append((b"cache-control", b"no-cache"))
        call.dropped = attempt.passage.dropped
        if call.dropped:
            headers.append((b"sluicegate-dropped", _in_a_line(", ".join(call.dropped))))
        if not media:
            litellm = self._parts.tells_as_litellm(self.exchange)
            headers += cost_headers(self.exchange, call, litellm=litellm)
        return headers

    # --- the end ----------

    async def _pass_on(self, attempt: ModelAttempt) -> None:
        exchange, call, deployment = self.exchange, self.call, attempt.deployment
        # Where two were called, it is the one that counts.
        exchange.service = call.provider = deployment.link.name
        exchange.target = call.deployment = deployment.name
        exchange.first_byte_at = attempt.started + attempt.first_token_s
        call.first_token_at = exchange.first_byte_at
        try:
            attempt.commit()
            failure = await attempt.rest()
            attempt.close(whole=failure is None, failure=failure)
            if failure is not None and self._parts.continues(exchange):
                attempt, failure = await continued(self, attempt, failure)
            if call.stream:
                self._end_stream(attempt, failure)
            if exchange.held:
                await exchange.finish_whole()
        finally:
            attempt.close(whole=False, failure=None)

    def _end_stream(self, attempt: ModelAttempt, failure: Failure | None) -> None:
        exchange = self.exchange
        exchange.flow = None
        if failure is not None:
            self.call.failure = failure
            exchange.problem = PROBLEMS.get(failure.kind)
            exchange.outcome = failure.kind
            said = known(shown(failure), self.form.dialect)
            exchange.chunk(attempt.passage.fail(said))
        exchange.end(None)

    def _give_up(self, failure: Failure, raw: bytes | None) -> None:
        """Tell the last failure; the provider's own words only where they are the caller's too."""
        if self.until <= self.exchange.clock.monotonic():
            failure, raw = late("the time for the call has passed"), None
        said = shown(failure)
        if failure.kind == "rate_limited" and failure.retry_after_s is not None:
            # The caller comes back when the first of them takes calls, not when the last one does.
            soonest_s = self.pool.exhausted().retry_after_s
            if soonest_s is not None and soonest_s < failure.retry_after_s:
                said, raw = replace(failure, retry_after_s=soonest_s), None
        if said is not failure or self._models != {self.pool.name}:
            raw = None
        tell(self.exchange, self.form, said, raw)


def _in_a_line(text: str) -> bytes:
    """Return what a caller may have written as the value of a header, which has one line."""
    text = text[:MOST_NAMED]
    if not text.isprintable():
        text = "".join(each if each.isprintable() else "?" for each in text)
    return text.encode("ascii", "replace")
