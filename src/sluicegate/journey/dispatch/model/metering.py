"""What an attempt has used, and what that costs.

The provider's count is what counts. Where it never came (a stream that was cut or that the caller
has left, a provider that does not count) tokens are estimated from the bytes that have passed, and
marked so. An attempt that has brought nothing costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from sluicegate.llm.call import Charge
from sluicegate.llm.canonical import Usage

if TYPE_CHECKING:
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.tokens import Estimator
    from sluicegate.upstream.models.deployment import Deployment

EMBEDDINGS: Final = "openai_embeddings"
"""What it answers is no text."""


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
        if usage is not None and not usage.total:
            usage = None  # from somebody who does not count
        if usage is None and not produced:
            return None
        name = call.alias or call.asked
        if usage is None or not counted:
            usage = self._estimate(call, name, usage or Usage(), produced)
        else:
            text_bytes = produced if call.stream else 0  # nobody has looked what of it is text
            self._estimator.learn(name, len(call.body), text_bytes, usage)
        price = deployment.price(asked)
        charge = Charge(usage, None if price is None else price.cost(usage))
        call.charges.append(charge)
        return charge

    def _estimate(self, call: ModelCall, name: str, usage: Usage, produced: int) -> Usage:
        estimator = self._estimator
        incoming = usage.input or estimator.input_tokens(name, call.body, most=False)
        if call.endpoint.dialect == EMBEDDINGS:
            produced = 0
        outgoing = max(usage.output, estimator.output_tokens(name, produced))
        return replace(usage, input=incoming, output=outgoing, estimated=True)
