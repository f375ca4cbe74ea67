"""A running gateway, looked at by `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from sluicegate import __version__
from sluicegate.cli.client import Answer, Client, open_client
from sluicegate.cli.examination.finding import Finding
from sluicegate.cli.examination.gateway import gateway_findings
from sluicegate.store.contract import ReplicaRow
from support.command_line import Administered, administered
from support.ports import free_port


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Administered]:
    with administered(tmp_path, "teams: {ours: {}}\n") as gateway:
        yield gateway


def look(gateway: Administered, token: str | None = None) -> list[Finding]:
    client = open_client(gateway.url, token or gateway.token_file.read_text().strip())
    try:
        return gateway_findings(client)
    finally:
        client.close()


def report(gateway: Administered, name: str, **changes: Any) -> None:
    told = {"version": __version__, "revision": "r", "arrival": 5, "unfit": 0} | changes
    now_us = gateway.asking.clock.wall_us()
    gateway.call(
        gateway.asking.desk.store.report(
            ReplicaRow(replica=name, region="local", seen_us=now_us, **told)
        )
    )


def test_a_gateway_that_is_well_says_who_it_is(served: Administered) -> None:
    report(served, "one")
    findings = look(served)
    assert {finding.outcome for finding in findings} == {"ok"}
    assert [finding.seen for finding in findings] == [
        f"{served.url} runs version {__version__}", "the token is first-token, admin", "runs r",
    ]  # fmt: skip


def test_replicas_that_are_behind_or_leave_something_out_are_named(served: Administered) -> None:
    report(served, "a")
    report(served, "b", arrival=3)
    report(served, "c", unfit=2)
    report(served, "d", version="0.0.1")
    found = {f.what: (f.outcome, f.seen) for f in look(served) if f.what != "gateway"}
    assert found == {
        "replica a": ("ok", "runs r"),
        "replica b": ("warning", "has still to read 2 of the newest revisions"),
        "replica c": (
            "fault", "2 stored resources do not fit and are left out, see below",
        ),
        "replica d": ("warning", "runs version 0.0.1"),
    }  # fmt: skip


def test_what_is_stored_without_effect_is_named(served: Administered) -> None:
    served.call(served.store_team("ours"))
    (found,) = [finding for finding in look(served) if finding.what == "team"]
    assert found.outcome == "warning"
    assert found.seen == "1 stored without effect, the file declares them too: ours"


def test_what_is_stored_and_left_out_is_a_fault_with_its_reason(served: Administered) -> None:
    served.lines("team", "set", "theirs", "description=x")
    served.asking.desk.unfit["team", "theirs"] = "teams.ours.plan: there is no plan `gone`"
    (found,) = [finding for finding in look(served) if finding.what == "team theirs"]
    assert found.outcome == "fault"
    assert found.seen == "left out: teams.ours.plan: there is no plan `gone`"


def test_a_token_that_may_not_see_it_all_is_a_warning_at_most(served: Administered) -> None:
    served.lines("team", "set", "blue", "description=x")
    token = served.token("viewer", team="blue")
    outcomes = {finding.outcome for finding in look(served, token)}
    assert outcomes == {"ok", "warning"}


class Older:
    """A gateway whose answers lack what newer ones have."""

    url = "http://127.0.0.1:1"

    def ask(self, *_: str, **__: str) -> Answer:
        return Answer(200, {}, {})

    def get(self, path: str) -> Any:
        return {} if path == "/whoami" else {"items": [{"replica": "a"}]}

    def pages(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return [{"items": [{"name": "x", "spec": {}}]}]


def test_a_gateway_of_another_version_may_leave_members_out() -> None:
    findings = gateway_findings(cast("Client", Older()))
    assert {finding.outcome for finding in findings} == {"ok", "warning"}
    assert findings[1].seen == "the token is (not told), (not told)"


def test_a_wrong_token_is_a_fault(served: Administered) -> None:
    assert "fault" in {finding.outcome for finding in look(served, "sga_local_wrong")}


def test_nobody_there_is_one_fault(served: Administered) -> None:
    served.url = f"http://127.0.0.1:{free_port()}"
    (found,) = look(served)
    assert (found.outcome, "cannot reach" in found.seen) == ("fault", True)
