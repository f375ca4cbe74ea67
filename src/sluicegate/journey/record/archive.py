"""`archive`: what was asked of models and what they answered, kept where this says so.

Nothing of prompts and answers is kept anywhere else: not in logs, spans or metrics. What is kept is
redacted in the worker, travels through the state and stands encrypted in the store, where only
admin tokens of the role `admin` read it. Losing a line never costs an answer: drops are counted.
"""

from __future__ import annotations

from collections.abc import Awaitable
from random import Random
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from sluicegate.journey.record.archiving import Archiving, Wanted
from sluicegate.journey.record.redaction import Kind, Redaction
from sluicegate.model.name_pattern import read_patterns
from sluicegate.model.resource import FieldFault
from sluicegate.model.units import Duration, Size
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

MOST_BYTES: Final = 4 * 1024 * 1024
LEAST_S: Final = 60
PATTERN_NAME: Final = r"^[A-Za-z0-9_-]{1,32}$(?!\n)"


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Which calls are kept, what of them, and for how long."""

    routes: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="Routes whose calls of models are kept; `*` at an end."),
    ]
    consumers: Annotated[
        tuple[str, ...], Meta(description="Only calls of these, `*` at an end; empty: of anybody.")
    ] = ()
    request: Annotated[bool, Meta(description="Keep what was asked.")] = True
    answer: Annotated[bool, Meta(description="Keep what was answered.")] = True
    sample: Annotated[float, Meta(ge=0, le=1, description="Share of the calls, from 0 to 1.")] = 1.0
    max_bytes: Annotated[
        Size,
        Meta(
            description="A request or an answer that is larger is left out; its size is kept. Of a "
            "stream, whose frames are many times what they say, 16 times as much. At most 4 MiB."
        ),
    ] = Size(256 * 1024)
    redact: Annotated[
        tuple[Kind, ...],
        Meta(description="What is taken out before it leaves the worker, by how it looks."),
    ] = ("email", "card", "key", "phone")
    patterns: Annotated[
        dict[
            Annotated[
                str,
                Meta(
                    pattern=PATTERN_NAME,
                    extra={"expected": "1 to 32 of letters, digits and `_-`"},
                ),
            ],
            str,
        ],
        Meta(
            description="Regular expressions of your own, by the name that stands in their place. "
            "Those that may take long are refused: a repeat within a repeat, several without bound."
        ),
    ] = {}
    retention: Annotated[Duration, Meta(description="How long it is kept. At least `1m`.")] = (
        Duration(30 * 86_400)
    )

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0 < self.max_bytes <= MOST_BYTES:
            raise FieldFault(("max_bytes",), f"found {self.max_bytes}; expected 1 byte to 4 MiB")
        if self.retention < LEAST_S:
            raise FieldFault(("retention",), f"found {self.retention}; expected at least `1m`")
        read_patterns(self.routes, "routes")
        read_patterns(self.consumers, "consumers")


class Policy:
    """Keeps calls of models."""

    __slots__ = ("_archiving",)

    def __init__(self, config: Config, parts: Parts) -> None:
        """Raise ValueError where there is nowhere to keep them, and for faulty `patterns`."""
        if parts.archive is None:
            raise ValueError("the gateway has no store to keep an archive in")
        draw = Random().random  # noqa: S311 - who cannot see the draws cannot tell the next one
        wanted = Wanted(
            read_patterns(config.routes, "routes"),
            read_patterns(config.consumers, "consumers"),
            config.sample,
            draw,
            request=config.request,
            answer=config.answer,
        )
        redaction = Redaction(config.redact, config.patterns)
        retention_us = round(float(config.retention) * 1e6)
        self._archiving = Archiving(
            parts, parts.archive, wanted, redaction, int(config.max_bytes), retention_us
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Listen, where the call is one of those."""
        return self._archiving.handle(exchange, onward)
