"""Both servers do what a store asks of one."""

from __future__ import annotations

import inspect

from sluicegate.store.postgres import Postgres
from sluicegate.store.server import Server
from sluicegate.store.sqlite import Sqlite


def test_both_servers_have_all_that_is_asked_of_one() -> None:
    asked = {name for name in vars(Server) if not name.startswith("_")}
    for kind in (Sqlite, Postgres):
        there = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
        assert asked == there
