"""Settings of metrics for CloudWatch, written as log lines."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, field

from sluicegate.model.resource import FieldFault, Resource
from sluicegate.model.units import Duration

SHORTEST_S: Final = 1
LONGEST_S: Final = 3600


class Emf(Resource, frozen=True, kw_only=True):
    """Metrics as lines of standard output in CloudWatch's embedded metric format."""

    namespace: Annotated[
        str,
        Meta(
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
            pattern=r"^(?!AWS/)[A-Za-z0-9./_#:-]{1,255}$(?!\n)",
            description="CloudWatch's namespace for them.",
            extra={"expected": "1 to 255 of letters, digits and `./-_#:`, not `AWS/…`"},
        ),
    ] = "Sluicegate"
    every: Annotated[
        Duration,
        Meta(description="How often. CloudWatch keeps minutes, unless one pays for seconds."),
    ] = Duration(60)
    by: Annotated[
        list[Literal["route", "model"]],
        Meta(
            description="What is told apart beside the sums of a region: each route, each model. "
            "CloudWatch bills every metric of every one of them; `[]` has the sums alone."
        ),
    ] = field(default_factory=lambda: ["route", "model"])

    def __post_init__(self) -> None:
        """Refuse what nobody could keep."""
        if not SHORTEST_S <= self.every <= LONGEST_S:
            raise FieldFault(("every",), f"found {self.every}; expected `1s` to `1h`")
