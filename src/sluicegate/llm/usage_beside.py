"""Tokens that a dialect has no words for, beside those that it counts: `sluicegate` of its usage.

They stand within the usage, so that whoever reads that reads them too: of a whole answer, of one
that is only measured, and of a stream. A provider that is a gateway like this one says them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Usage


class UsageBeside(Struct, frozen=True, omit_defaults=True):
    """Fields of `canonical.Usage`."""

    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0


NOTHING: Final = UsageBeside()


def beside(usage: Usage, *names: str) -> UsageBeside | None:
    """Return the tokens of these names; None where there are none."""
    said = UsageBeside(**{name: getattr(usage, name) for name in names})
    return None if said == NOTHING else said


def with_beside(usage: Usage, said: UsageBeside | None) -> Usage:
    """Put them back, and return the usage."""
    if said is not None:
        for name in said.__struct_fields__:
            count = getattr(said, name)
            if count:
                setattr(usage, name, count)
    return usage
