"""A team: consumers that belong together, and who may look after them."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sluicegate.model.resource import Resource


class Team(Resource, frozen=True, kw_only=True):
    """Consumers that belong together."""

    plan: Annotated[
        str | None, Meta(description="Plan of its consumers that have none of their own.")
    ] = None
    description: Annotated[str, Meta(max_length=1024, description="For people.")] = ""
