"""What a deployment is sent: head and body in its dialect, as its vendor wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.llm.dialect import Outgoing

if TYPE_CHECKING:
    from sluicegate.journey.dispatch.model.calling import Calling
    from sluicegate.journey.dispatch.model.passage import Passage
    from sluicegate.telemetry.trace import AttemptSpan
    from sluicegate.upstream.models.deployment import Deployment


async def written(
    calling: Calling, deployment: Deployment, passage: Passage, span: AttemptSpan | None
) -> tuple[bytes, bytes]:
    """Return head and body. Raises CallError for what cannot be said, CredentialsAway."""
    link, stream = deployment.link, calling.call.stream
    outgoing = await calling.outgoing(passage)
    dialect, model = passage.dialect.name, deployment.model_for(calling.asked)
    said = [*outgoing.headers, *calling.forwarded(link, dialect)]
    outgoing = Outgoing(outgoing.body, said)
    outgoing = link.facts.fit(dialect, outgoing, model=model, stream=stream)
    headers, body = list(outgoing.headers), outgoing.body
    if span is not None:
        headers.append((b"traceparent", span.traceparent()))
    return link.head(dialect, model, stream=stream, body=body, headers=headers), body
