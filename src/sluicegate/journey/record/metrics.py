"""`metrics`: counts and times of every exchange, whatever came of it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from sluicegate.journey.record.tally import Tally
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Nothing to set: names and labels are the same everywhere."""


class Policy:
    """Adds one exchange to its series when it is over."""

    __slots__ = ("_tally",)

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - nothing to set
        """Declare the families."""
        family = parts.metrics.family
        self._tally = Tally(
            parts.clock,
            requests=family(
                "sluicegate_requests_total",
                "counter",
                "Exchanges that are over, by route (`-`: none matched), method and status.",
                ("route", "method", "status"),
            ),
            seconds=family(
                "sluicegate_request_duration_seconds",
                "histogram",
                "From the request's head to the end of its response.",
                ("route",),
            ),
            bytes_in=family(
                "sluicegate_request_bytes_total", "counter", "Bytes of request bodies.", ("route",)
            ),
            bytes_out=family(
                "sluicegate_response_bytes_total",
                "counter",
                "Bytes of response bodies.",
                ("route",),
            ),
            incomplete=family(
                "sluicegate_responses_incomplete_total",
                "counter",
                "Responses that broke off, or ended in an error event, after a head that had said "
                "less than 500; not those whose caller has left.",
                ("route",),
            ),
            in_flight=family(
                "sluicegate_requests_in_flight",
                "gauge",
                "Exchanges that have begun and not ended.",
            ).cell(),
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Coroutine[Any, Any, None]:
        """Count on the way out, cancelled exchanges included."""
        return self._tally.handle(exchange, onward)
