"""What the admin API does its work with; the replica's keeper is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from sluicegate.errors import Fault
    from sluicegate.journey.limit.budget_terms import BudgetTerms
    from sluicegate.state.ledger import Ledger
    from sluicegate.store.contract import Change, Store
    from sluicegate.store.vault import Vault


class Considered(NamedTuple):
    """What would come of changes.

    `faults` are those that the changes would bring, paths from the document's root
    (`routes.users.match.path`). `looked_at` is for `Store.write`.
    """

    faults: Sequence[Fault]
    looked_at: int


class Control(Protocol):
    """The way from the admin API to everything else."""

    store: Store
    vault: Vault
    region: str

    @property
    def ledger(self) -> Ledger | None:
        """The state's side of the ledger, None before there is one; the store's is `store`'s."""

    def budgets(self) -> Mapping[str, BudgetTerms]:
        """Return the budgets that run, by the places of their counts."""

    @property
    def peppers(self) -> Mapping[str, str]:
        """Peppers by name; the first is for what is made from now on."""

    def declared(self, kind: str) -> Mapping[str, Any]:
        """Return the resources of a kind that the file declares, as JSON would show them."""

    def left_out(self, kind: str, name: str) -> str | None:
        """Return why a stored resource is not used, None where it is (or the file's is)."""

    def parse_spec(self, kind: str, spec: object, name: str = "") -> bytes | list[Fault]:
        """Return the canonical JSON of a resource, or what is wrong with it by itself.

        `spec` is JSON (bytes), or plain data. Paths are from the document's root. May be called in
        a thread.
        """

    async def consider(self, changes: Sequence[Change]) -> Considered:
        """Look at changes without making them. Raises StoreAway."""

    async def written(self) -> None:
        """Take notice of what this process has just written, and tell the others.

        Returns once this replica has read it; never raises.
        """
