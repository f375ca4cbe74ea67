"""The controllers of resources, as `app.build` is given them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.admin.archive import Archive
from sluicegate.admin.budgets import Budgets
from sluicegate.admin.bulk import Apply, Export
from sluicegate.admin.keys import Keys
from sluicegate.admin.policies import Policies
from sluicegate.admin.resources import Consumers, Models, Plans, Providers, Routes, Services, Teams
from sluicegate.admin.secrets import SecretRotation, Secrets
from sluicegate.admin.usage import Usage

if TYPE_CHECKING:
    from litestar import Controller


def controllers() -> list[type[Controller]]:
    """Return those of every kind of resource."""
    return [
        Services, Plans, Teams, Consumers, Providers, Models, Routes, Policies, Keys, Secrets,
        SecretRotation, Apply, Export, Usage, Budgets, Archive,
    ]  # fmt: skip
