"""From what an operator wrote to a rule: what the policies that limit have in common.

Counts are kept under a place (scope, name, subject, unit) and labels that say nothing of numbers,
so that they outlive a change of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.journey.limit.allow_notation import Allowance, parse
from sluicegate.journey.limit.counters import counters
from sluicegate.journey.limit.lease import Leases
from sluicegate.journey.limit.modes import Counting
from sluicegate.journey.limit.rule import Limits, Rule
from sluicegate.model.resource import FieldFault
from sluicegate.state.contract import Group

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.cost import Cost
    from sluicegate.policy import Parts


EXACTLY = Counting()
PrefixV4 = Annotated[
    int, Meta(ge=1, le=32, description="Bits of an IPv4 address that count as one client.")
]
PrefixV6 = Annotated[
    int, Meta(ge=1, le=128, description="Bits of an IPv6 address. RFC 6177: a /64 at least.")
]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy says about its limits. `by` is the written form of whom they count.

    `unnamed` is what they are called by in headers and metrics where they have no `name`.
    """

    allow: Sequence[str]
    by: str
    name: str = ""
    unit: str = "requests"
    counting: Counting = EXACTLY
    away: str = "share"
    shadow: bool = False
    unnamed: str = ""

    @property
    def identity(self) -> str:
        """What tells its counts from those of other policies at the same place."""
        # `;` is in no name and no unit, and in `by` in no name of a header.
        return f"{self.name};{self.by};{self.unit}"

    def check(self) -> None:
        """Refuse what cannot be read, counted or told apart. Raises FieldFault."""
        self.counting.check(self.unit)
        self.read(self.allow, "allow")

    def check_own(self, allow: Sequence[str]) -> None:
        """Refuse limits of a consumer that cannot stand in for these. Raises FieldFault.

        They go on with the counts of these, so each is of the kind and period of the one it is for.
        """
        check_stand_in(self.read(allow), self.read(self.allow), self.allow)

    def read(self, allow: Sequence[str], *part: str) -> list[Allowance]:
        """Read allowances. Raises FieldFault at the one at fault; they stand at `part`."""
        read: list[Allowance] = []
        for place, text in enumerate(allow):
            try:
                one = parse(text, self.unit)
                self.counting.limits([one])
            except ValueError as error:
                raise FieldFault((*part, place), str(error)) from error
            if one in read:
                message = f"`{text}` is there more than once: write it once"
                raise FieldFault((*part, place), message)
            read.append(one)
        return read

    def rule(
        self, parts: Parts, subject: Callable[[Exchange], str], cost: Cost | None = None
    ) -> Rule:
        """Build the rule for where `parts` say. Raises ValueError for what cannot be."""

        def limits(allow: Sequence[str]) -> Limits:
            read = self.read(allow)
            counted = self.counting.limits(read)
            place = f"{self.identity};{parts.scope}"
            group = Group(place, counted, settles=cost is not None, shadow=self.shadow)
            called = self.name or self.unnamed
            names = [f"{called}-{one.name}" if called else one.name for one in read]
            told = map(self.counting.announced, read, counted)
            said = [f'"{name}";{one.policy}' for name, one in zip(names, told, strict=True)]
            leases = Leases(group, parts) if self.counting.mode == "leased" else None
            return Limits(group, names, [one.text for one in read], ", ".join(said), leases)

        def own(allow: Sequence[str]) -> Limits:
            self.check_own(allow)
            return limits(allow)

        made = limits(self.allow)
        cells = counters(parts.metrics, parts.scope, made.names, self.away, shadow=self.shadow)
        return Rule(self.name, made, subject, own, cells, away=self.away, cost=cost)


def check_stand_in(
    own: Sequence[Allowance], usual: Sequence[Allowance], written: Sequence[str]
) -> None:
    """Refuse a consumer's `own` allowances for those that are `written`. Raises FieldFault."""
    if len(own) != len(usual):
        expected = ", ".join(f"`{text}`" for text in written)
        raise FieldFault((), f"found {len(own)}; expected one for each of {expected}")
    for place, (one, other) in enumerate(zip(own, usual, strict=True)):
        if (one.kind, one.period) != (other.kind, other.period):
            message = f"`{one}` cannot go on with what `{other}` counted: write `{other.form}`"
            raise FieldFault((place,), message)
