"""How many retries a service may have at the same time.

A share of the exchanges that are live, so that retries cannot multiply the load on targets that
fail because of load; and always a few, so that a quiet service has retries too. An exchange holds
its retry from the decision to the head of the answer, waits included, which is no shorter than its
first attempt was: so at most `percent` of all attempts are retries. Source: Envoy, RetryBudget
(config/cluster/v3/circuit_breaker.proto): 20 % of active requests, at least 3. Per worker.
"""

from __future__ import annotations


class RetryBudget:
    """Counts live exchanges and retries of one service."""

    __slots__ = ("_minimum", "_percent", "live", "retrying")

    def __init__(self, percent: int, minimum: int) -> None:
        """Start with nothing live."""
        self._percent = percent
        self._minimum = minimum
        self.live = 0
        self.retrying = 0

    @property
    def left(self) -> int:
        """Retries that may begin now."""
        allowed = self.live * self._percent // 100
        return max(allowed, self._minimum) - self.retrying

    def take(self) -> bool:
        """Begin a retry, if one is left. Each that was taken must be given back."""
        if self.left <= 0:
            return False
        self.retrying += 1
        return True

    def give_back(self) -> None:
        """End a retry."""
        self.retrying -= 1
