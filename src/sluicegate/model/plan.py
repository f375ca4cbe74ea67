"""A plan: limits and rights that consumers share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sluicegate.model.resource import Resource
from sluicegate.model.route import PolicyUse


class Plan(Resource, frozen=True, kw_only=True):
    """A named bundle of policies, from the stage `authorize` on."""

    policies: Annotated[
        list[PolicyUse], Meta(description="Run after those of the route's own first half.")
    ] = []
