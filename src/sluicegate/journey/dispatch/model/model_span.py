"""What the span of a sampled attempt is told of the model's answer, as it passes.

    attempt sampled ──> begin(…) ──> see(…) of a stream, see_whole(…) otherwise ──> settle(…)

Only what names and counts: nothing of what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sluicegate.llm.canonical import Begun, Stopped
from sluicegate.llm.failure import Malformed
from sluicegate.telemetry.genai import ModelSpan

if TYPE_CHECKING:
    from sluicegate.llm.call import Charge, ModelCall
    from sluicegate.llm.canonical import Event
    from sluicegate.llm.dialect import Dialect
    from sluicegate.telemetry.trace import AttemptSpan
    from sluicegate.upstream.models.deployment import Deployment


def begin(span: AttemptSpan, call: ModelCall, deployment: Deployment, asked: str) -> None:
    """Say what is asked for: the model by its name `asked`, of which deployment."""
    link = deployment.link
    url = urlsplit(link.facts.base(link.config))
    span.model = ModelSpan(
        call.endpoint.dialect,
        link.config.kind,
        deployment.model_for(asked),
        stream=call.stream,
        scheme=url.scheme,
        authority=url.netloc,
    )


def see(span: AttemptSpan, events: Sequence[Event]) -> None:
    """Note what a frame of a stream says of the answer."""
    model = span.model
    if model is None:
        return
    for event in events:
        if isinstance(event, Begun):
            model.named(event.id, event.model)
        elif isinstance(event, Stopped):
            model.stopped(event.stop.reason)


def see_whole(span: AttemptSpan | None, dialect: Dialect, pieces: Sequence[bytes]) -> None:
    """Note what a whole answer says. It is read for that: sampled attempts pay for it."""
    model = None if span is None else span.model
    if model is None:
        return
    try:
        answer = dialect.read_answer(b"".join(pieces))
    except Malformed:
        return  # whoever passes it on says so; what is no chat has no choices
    model.named(answer.id, answer.model)
    for choice in answer.choices:
        model.stopped(choice.stop.reason)


def settle(span: AttemptSpan | None, charge: Charge | None, first_token_s: float) -> None:
    """Note what was used, what that costs, and when a stream's first token came.

    `first_token_s` counts from the attempt's beginning; 0 where none came.
    """
    model = None if span is None else span.model
    if model is not None and charge is not None:
        model.usage = charge.usage
        model.cost = charge.cost
        model.first_token_s = first_token_s if model.stream else 0.0
