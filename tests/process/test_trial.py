from __future__ import annotations

import asyncio

from sluicegate.clock import Clock
from sluicegate.model.route import Match, Route
from sluicegate.model.service import Service, Target
from sluicegate.process.trial import Trial
from sluicegate.settings import Settings
from sluicegate.snapshot.document import Resources, encode
from sluicegate.snapshot.policies import PolicyCatalog


def resources(*policies: dict[str, object]) -> Resources:
    service = Service(targets=[Target(url="http://192.0.2.1:80")])
    route = Route(match=Match(path="/a"), service="s", policies=list(policies))
    return Resources.of({("service", "s"): encode(service), ("route", "r"): encode(route)})


def test_what_a_worker_could_run_has_no_faults_and_what_it_could_not_has() -> None:
    async def scenario() -> None:
        trial = Trial(Settings(), Clock(), PolicyCatalog())
        try:
            assert await trial.compile(resources()) == []
            [fault] = await trial.compile(resources({"no_such_policy": {}}))
            assert fault.path == "routes.r.policies[0].no_such_policy"
            assert await trial.compile(resources()) == []
        finally:
            await trial.close()

    asyncio.run(scenario())
