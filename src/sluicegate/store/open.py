"""From settings to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.store.access import Access
from sluicegate.store.address import parse_address
from sluicegate.store.engine import open_engine
from sluicegate.store.postgres import Postgres
from sluicegate.store.revisions import RevisionStore
from sluicegate.store.sqlite import Sqlite
from sluicegate.store.transactions import Transactions

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import Settings
    from sluicegate.store.contract import Store
    from sluicegate.store.server import Server


def open_store(settings: Settings, clock: Clock, metrics: Metrics) -> Store:
    """Build the store of `settings.store`; `await store.start()` connects it.

    Raises ConfigError where files of `store.tls` cannot be used, ValueError for a `url` that
    `store_faults` would have found, and for `none`.
    """
    access = Access(open_engine(settings), float(settings.store.timeout), clock, metrics)
    server: Server
    if parse_address(settings.store.url).kind == "sqlite":
        server = Sqlite(settings)
    else:
        server = Postgres(settings.store, clock)
    return RevisionStore(Transactions(access), server, settings.region.name, clock)
