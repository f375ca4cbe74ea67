"""The webhook of budgets' alerts is away: alerts wait in the state, and come once it is back."""

from __future__ import annotations

import json
import os
import signal

from outages.ledger_site import LedgerSite
from outages.report import Report
from outages.world import World
from support.loops import LoopThread
from support.ports import eventually
from support.upstreams import Upstream, answering, response

CALLS = 10
PERCENT = {50, 100}
DELIVERED = 'sluicegate_alert_deliveries_total{outcome="delivered"}'
FAILED = 'sluicegate_alert_deliveries_total{outcome="failed"}'
TOLD = "sluicegate_budget_alerts_total"


def webhook_away(world: World, *, killed: bool = True) -> Report:
    """Use a budget up while nobody takes alerts; `killed`: and end who delivers them besides."""
    report = Report("ledger: webhook of alerts away")
    thread = LoopThread()
    world.stack.callback(thread.close)
    hook = Upstream(answering(response(204)))
    thread.call(hook.start())
    thread.call(hook.stop())
    alerts = {"webhook": f"{hook.url}/budgets", "private_networks": ["127.0.0.0/8"]}
    site = LedgerSite(world, allow=f"{CALLS / 100:.2f}/month", thresholds=sorted(PERCENT),
                      alerts=alerts)  # fmt: skip
    (replica,) = site.add(2)
    load = site.load("a")
    with load.beside([replica], 1):
        load.answered(1, 429, within_s=20)
    found = site.compare("a")
    report.note("calls let through by a budget for 10", len(found.upstream))
    report.must(len(found.upstream) == CALLS, f"{len(found.upstream)} calls of {CALLS}")

    def counted(name: str) -> float:
        return sum(
            value for key, value in replica.gateway.metrics().items() if key.startswith(name)
        )

    eventually(lambda: counted(FAILED) > 0, "a delivery has failed")
    eventually(lambda: counted(TOLD) == len(PERCENT), "the metric tells of both")
    report.note("alerts that the metric tells of, with the webhook away", round(counted(TOLD)))
    if killed:
        before = replica.management_pid()
        assert before is not None
        os.kill(before, signal.SIGKILL)
        eventually(replica.administered, "its API is there again", within_s=30)
    thread.call(hook.start())
    world.stack.callback(lambda: thread.call(hook.stop()))
    eventually(lambda: len(hook.requests) >= len(PERCENT), "alerts are delivered", within_s=30)
    eventually(lambda: counted(DELIVERED) == len(PERCENT), "and that is counted", within_s=10)
    with world.valkey.client() as client:
        site.at_rest(client)
    percent = [json.loads(each.body)["data"]["percent"] for each in hook.requests]
    ids = [each.get(b"webhook-id") for each in hook.requests]
    report.note("percent of the alerts delivered once it is back", percent)
    report.must(set(percent) == PERCENT, f"alerts of {percent}")
    report.must(len(set(ids)) == len(PERCENT), f"ids of alerts: {ids}")
    report.must(len(ids) == len(PERCENT), f"delivered {len(ids)} times")
    replica.stop()
    return report
