"""What an attempt has used, and what that costs.

The provider's count is what counts. Where it never came (a stream that was cut or that the caller
has left, a provider that does not count) tokens are estimated from the bytes that have passed, and
marked so. So are they where what it said is no count. An attempt that has brought nothing costs
nothing, and neither does counting tokens. What a call in the background will cost nobody knows.

It costs by the service tier that the answer says it had; where it says none, by the one that was
asked for. Prices are those of the call's admission (`Deployment.admitted_us`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from sluicegate.llm.call import Charge
from sluicegate.llm.canonical import Usage
from sluicegate.llm.tiers import asked_tier
from sluicegate.llm.tokens import goes_on_unseen, output_cap

if TYPE_CHECKING:
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.tokens import Estimator
    from sluicegate.upstream.models.deployment import Deployment

EMBEDDINGS: Final = "openai_embeddings"
"""What it answers is no text."""
FREE: Final = frozenset({"anthropic_count_tokens", "gemini_count_tokens"})
"""Vendors charge nothing for it."""
MOST_TOKENS: Final = 1_000_000_000
"""Of one call: more is no count."""


class Meter:
    """One for a worker; `estimator` learns from what it is shown."""

    __slots__ = ("_estimator",)

    def __init__(self, estimator: Estimator) -> None:
        """Take what is shared."""
        self._estimator = estimator

    def charge(
        self,
        call: ModelCall,
        deployment: Deployment,
        asked: str,
        usage: Usage | None,
        *,
        counted: bool,
        produced: int,
    ) -> Charge | None:
        """Charge a call with an attempt of a deployment, for the model `asked`.

        `counted`: `usage` is the provider's last word. `produced` are bytes of a stream's text, or
        of a whole answer. Returns what was charged, None for nothing.
        """
        if call.endpoint.dialect in FREE:
            return None
        if usage is not None and not _is_count(usage):
            usage = None
        if usage is None and not produced:
            return None
        name = call.alias or call.asked
        if usage is None or not counted:
            usage = self._estimate(call, name, usage or Usage(), produced)
        else:
            text_bytes = produced if call.stream else 0  # nobody has looked what of it is text
            self._estimator.learn(name, len(call.body), text_bytes, usage)
        charge = Charge(usage, _cost(call, deployment, asked, usage))
        call.charges.append(charge)
        return charge

    def _estimate(self, call: ModelCall, name: str, usage: Usage, produced: int) -> Usage:
        estimator = self._estimator
        incoming = usage.input or estimator.input_tokens(name, call.body, most=False)
        if call.endpoint.dialect == EMBEDDINGS:
            produced = 0
        outgoing = estimator.output_tokens(name, produced)
        cap = output_cap(call.endpoint.dialect, call.fields)
        if cap is not None:
            outgoing = min(outgoing, cap)
        outgoing = max(usage.output, outgoing)
        return replace(usage, input=incoming, output=outgoing, estimated=True)


def _cost(call: ModelCall, deployment: Deployment, asked: str, usage: Usage) -> int | None:
    tariff = deployment.tariff(asked)
    if tariff is None:
        return None
    if usage.estimated and goes_on_unseen(call.endpoint.dialect, call.fields):
        return None
    tier = usage.tier or asked_tier(call.fields)
    return tariff.at(deployment.admitted_us(call), tier).cost(usage)


def _is_count(usage: Usage) -> bool:
    """Whether it may be one: who does not count says 0, and who is broken says anything."""
    counts = (
        usage.input, usage.output, usage.cached, usage.cache_write, usage.cache_write_1h,
        usage.reasoning, usage.audio_input, usage.audio_output, usage.image_input,
        usage.image_output,
    )  # fmt: skip
    return usage.total > 0 and min(counts) >= 0 and max(counts) <= MOST_TOKENS
