"""All scenarios by name, as they are played at length."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from outages import ledger_kills, ledger_state
from outages.first_starts import nothing_but_a_disk, unmigrated
from outages.ledger_alerts import webhook_away
from outages.ledger_clock import clock_set_back
from outages.outage import LONG, WAYS, outage
from outages.report import Report
from outages.revocation import management_killed, revocation
from outages.secrecy import secrecy
from outages.two_admins import two_admins
from outages.two_regions import two_regions
from outages.world import World

Scenario = Callable[[World], Report]
SCENARIOS: dict[str, Scenario] = {
    **{f"PostgreSQL {way}": partial(outage, way=way, pace=LONG) for way in WAYS},
    "store and state away": lambda world: nothing_but_a_disk(world, 1, 2),
    "a key is revoked": lambda world: revocation(world, 10),
    "management killed": lambda world: management_killed(world, 5),
    "two admins": lambda world: two_admins(world, 50),
    "two regions": lambda world: two_regions(world, 20, 10),
    "a dump of everything": secrecy,
    "ledger: processes killed": partial(ledger_kills.processes, calls=ledger_kills.MANY),
    "ledger: PostgreSQL killed": partial(ledger_kills.store_killed, calls=ledger_kills.MANY),
    "ledger: Valkey primary killed": partial(ledger_state.failed_over, loss=ledger_state.MANY),
    "ledger: Valkey empty": partial(ledger_state.came_back_empty, loss=ledger_state.MANY),
    "ledger: webhook away": webhook_away,
    "ledger: clock set back": partial(clock_set_back, calls=ledger_kills.MANY),
    "nothing was prepared": lambda world: unmigrated(world, 1, 2),
}
