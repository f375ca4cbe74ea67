"""How exactly a limit is counted over replicas and regions, and what that is possible for.

`exact` asks the state for every request. `leased` spends blocks that the state lends. `eventual`
is exact within a region and tells the others afterwards. `docs/limits.md` has the bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.regional_window import RegionalWindow
from sluicegate.journey.limit.algorithms.sliding_window import SlidingWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.journey.limit.allow_notation import MONTHLY
from sluicegate.model.resource import FieldFault, Resource
from sluicegate.state.contract import Limit

if TYPE_CHECKING:
    from sluicegate.journey.limit.allow_notation import Allowance
    from sluicegate.state.contract import Algorithm

Mode = Literal["exact", "leased", "eventual"]
Away = Literal["share", "local", "allow", "deny"]
AwayField = Annotated[
    Away,
    Meta(
        description="While the state does not answer: `share` (each worker admits its part), "
        "`local` (each worker admits all of it), `allow` or `deny`."
    ),
]
Shadow = Annotated[bool, Meta(description="Refuse nobody: count what would have been refused.")]
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9-]{0,32}$(?!\n)",
        description="Tells limits of one place apart, in counts and in headers; what `limits` "
        "of a consumer name.",
        extra={"expected": "up to 32 of `a-z`, `0-9` and `-`"},
    ),
]

SECOND_US = 1_000_000
EVENTUAL_S = 10
"""The shortest window of `eventual`: in a shorter one the news of others comes too late."""
CAP_OF_SHARE = (3, 2)
"""All regions' caps together are 1.5 times the limit, as far as none is above the limit."""


class Lease(Resource, frozen=True, kw_only=True):
    """What may be lent to workers, with `mode: leased`."""

    cap: Annotated[
        int,
        Meta(ge=1, le=50, description="Most that is lent at a time, in percent of the limit."),
    ] = 10
    strict: Annotated[
        bool,
        Meta(
            description="Take that out of the `burst`: nothing is admitted beyond the allowance, "
            "and a burst is that much smaller."
        ),
    ] = False


USUAL = Lease()


@dataclass(frozen=True, slots=True)
class Counting:
    """A mode with its numbers. `regions` share the limits of `eventual`."""

    mode: Mode = "exact"
    lease: Lease = USUAL
    regions: int = 1

    def check(self, unit: str) -> None:
        """Refuse a unit that this mode cannot count. Raises FieldFault."""
        if self.mode == "leased" and unit != "requests":
            message = f"blocks are lent of requests only: with `unit: {unit}` write `mode: exact`"
            raise FieldFault(("mode",), message)
        if self.mode == "eventual" and unit == "usd":
            message = "money is never counted after the fact: write `mode: exact`"
            raise FieldFault(("mode",), message)

    def limits(self, allowances: Sequence[Allowance]) -> list[Limit]:
        """Build what is counted, each under a label of its own, which says nothing of its numbers.

        Raises ValueError with the written form at fault.
        """
        made: list[Limit] = []
        labels: list[str] = []
        for one in allowances:
            algorithm = self._algorithm(one)
            prefix = "leased-" if self.mode == "leased" else ""
            kind = one.algorithm().code if self.mode == "leased" else algorithm.code
            label = f"{prefix}{kind}-{one.period_s}-{one.unit}"
            labels.append(label)
            same = labels.count(label)
            made.append(Limit(label if same == 1 else f"{label}-{same}", algorithm))
        return made

    def announced(self, one: Allowance, limit: Limit) -> Allowance:
        """Return what callers are told of: of a limit of several regions, this region's part."""
        if self.mode != "eventual":
            return one
        return replace(one, amount=limit.algorithm.limit)

    def _algorithm(self, one: Allowance) -> Algorithm:
        try:
            if self.mode == "leased":
                return self._leased(one)
            if self.mode == "eventual":
                return self._regional(one)
            return one.algorithm()
        except ValueError as error:
            raise ValueError(f"`{one}`: {error}") from error

    def _leased(self, one: Allowance) -> Algorithm:
        inner = one.algorithm()
        if not isinstance(inner, TokenBucket | FixedWindow | SlidingWindow):
            raise ValueError(  # noqa: TRY004 - what an operator wrote, not what a caller passed
                f"`{one.kind_word}` needs every request: write `mode: exact`, or with "
                f"`mode: leased` a window or a bucket, such as `{one.plain}`"
            )
        cap = max(1, inner.limit * self.lease.cap // 100)
        if self.lease.strict and one.kind == "sliding":
            raise ValueError(
                "a sliding window has no burst that `strict` could take from: write `burst`, or "
                "`mode: exact`"
            )
        if self.lease.strict and one.kind == "bucket" and one.burst <= cap:
            raise ValueError(f"`strict` leaves nothing of it: write at least `burst {cap + 1}`")
        return Leased(inner, cap, strict=self.lease.strict)

    def _regional(self, one: Allowance) -> Algorithm:
        if one.kind != "fixed":
            raise ValueError(
                f"regions add up whole windows: write `{one.plain}` without `{one.kind_word}`, or "
                "`mode: exact`"
            )
        if one.period == MONTHLY:
            raise ValueError("regions add up windows of one length: write `day`, or `mode: exact`")
        if one.period_s < EVENTUAL_S:
            raise ValueError(
                f"news of other regions comes too late for a window of less than {EVENTUAL_S} s: "
                f"write minute, hour or day, or `mode: exact`"
            )
        more, of = CAP_OF_SHARE
        cap = min(one.amount, -(-one.amount * more // (of * self.regions)))
        return RegionalWindow(one.amount, one.period_s * SECOND_US, cap)
