"""What to do after a call of a provider has failed: a pure decision.

In this order: another deployment of the model; another model; the same deployment once more, after
what it asked for. The last call that `attempts` allows is kept for another model where there is
one: a third deployment is likely to fail as two did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.llm.failure import Failure

ANOTHER: Final = "another"
FALLBACK: Final = "fallback"
WAIT: Final = "wait"
GIVE_UP: Final = "give_up"

FINAL: Final = frozenset({"invalid_request", "conflict", "too_large"})
"""The request is at fault, wherever it is sent."""
OF_THE_MODEL: Final = frozenset({"context_length", "content_filter"})
"""Every deployment of the model would say the same."""
PASSING: Final = frozenset(
    {
        "rate_limited",
        "overloaded",
        "server_error",
        "bad_answer",
        "unreachable",
        "timeout",
        "unavailable",
    }
)
"""May be over soon: worth a second call of the same deployment."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 8.0
"""Without `Retry-After`: doubles from call to call. INITIAL_RETRY_DELAY and MAX_RETRY_DELAY of the
SDKs of OpenAI and Anthropic (`_constants.py`), which also draw up to a quarter off (`_base_client`,
`_calculate_retry_timeout`)."""
JITTER: Final = 0.25


class Decision:
    """`action` is one of the words above; `wait_s` is for `WAIT`; `why` is for logs."""

    __slots__ = ("action", "wait_s", "why")

    def __init__(self, action: str, why: str, wait_s: float = 0.0) -> None:
        """Keep it."""
        self.action = action
        self.why = why
        self.wait_s = wait_s


def retry_decision(
    failure: Failure,
    *,
    attempts: int,
    most: int,
    another: bool,
    fallback: bool,
    max_wait_s: float,
    left_s: float,
    chance: float,
) -> Decision:
    """Decide after `attempts` calls of `most`.

    `another`: a deployment of the model is left that was not asked; `fallback`: another model would
    be asked after this failure. `max_wait_s` is the longest wait, `left_s` the time that the call
    has; `chance` is 0 to 1, drawn at random.
    """
    kind = failure.kind
    left = most - attempts
    why = _never(kind, left, left_s)
    if why:
        return Decision(GIVE_UP, why)
    if another and kind not in OF_THE_MODEL and (left > 1 or not fallback):
        return Decision(ANOTHER, kind)
    if fallback:
        return Decision(FALLBACK, kind)
    if kind not in PASSING:
        return Decision(GIVE_UP, kind)
    return _wait(failure, attempts, max_wait_s, left_s, chance)


def _never(kind: str, left: int, left_s: float) -> str:
    """Say why nothing more is to be tried; "" where something is."""
    if kind in FINAL:
        return "request"
    if left <= 0:
        return "attempts"
    return "deadline" if left_s <= 0.0 else ""


def _wait(
    failure: Failure, attempts: int, max_wait_s: float, left_s: float, chance: float
) -> Decision:
    """Wait as long as was asked for, where that is not too long; else a while of our own."""
    wait_s = failure.retry_after_s
    if wait_s is None:
        doubled_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** max(0, attempts - 1))
        wait_s = min(doubled_s, max_wait_s) * (1.0 - JITTER * chance)
    elif wait_s > max_wait_s:
        return Decision(GIVE_UP, "retry_after")
    if wait_s >= left_s:
        return Decision(GIVE_UP, "deadline")
    return Decision(WAIT, failure.kind, max(0.0, wait_s))
