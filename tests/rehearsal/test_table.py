from __future__ import annotations

from chaos.load import Result
from chaos.verdicts import SAVABLE, Absence, Read
from rehearsal.report import Report
from rehearsal.table import table
from rehearsal.verdicts import Evidence

NOBODY_DIED = Evidence([], [], {})


def result(
    *, ok: bool = True, method: str = "GET", ended: float = 1.01, name: str = "id"
) -> Result:
    status = 200 if ok else 503
    return Result(name, method, 0, 1.0, ended, status, whole=True, said="" if ok else "no healthy")


def test_a_savable_request_that_failed_breaks_a_report_and_says_who_refused_it() -> None:
    report = Report("rolling update")
    report.load([result(), result(ok=False)], NOBODY_DIED)
    assert report.broken == [f"1 requests: {SAVABLE}"]
    assert "told: 1: GET 503 no healthy" in table([report])
    assert "DOES NOT HOLD: 1 requests: could be saved" in table([report])


def test_a_report_of_which_everything_was_answered_holds() -> None:
    report = Report("rolling update")
    report.load([result(), result(ended=1.03)], NOBODY_DIED)
    assert not report.broken
    assert (report.p50_ms, report.sent, report.ok) != (None, 0, 0)


def test_nothing_answered_does_not_hold() -> None:
    report = Report("nothing")
    report.load([], NOBODY_DIED)
    assert report.broken == ["nothing was answered"]


def test_replicas_over_time_are_told_once_for_each_change() -> None:
    report = Report("scale")
    report.replicas = [(0, 3, 3), (1, 3, 3), (2, 6, 3), (9, 6, 6), (60, 3, 3)]
    assert report.over_time == "0 s 3, 2 s 3 of 6, 9 s 6, 60 s 3"
    assert report.fewest == 3
    assert "replicas ready: 0 s 3, 2 s 3 of 6" in table([report])


def test_what_a_killed_pod_took_with_it_is_counted_by_who_could_have_saved_it() -> None:
    names = ("unread", "read", "answered")
    deaths = [Absence("10.244.0.7", 0.9, 1.1)]
    evidence = Evidence(
        deaths, [Read("upstream", "POST", "read", whole=False)], dict.fromkeys(names, "10.244.0.7")
    )
    report = Report("pod kill")
    report.load(
        [result(ok=name == "answered", method="POST", name=name) for name in names], evidence
    )
    assert not report.broken
    assert (report.savable, report.with_the_ingress, report.beyond_saving) == (0, 1, 1)
    row = next(line for line in table([report]).splitlines() if line.startswith("pod kill "))
    assert row.split()[2:7] == ["3", "1", "0", "1", "1"]


def test_a_table_has_a_row_for_each_scenario_and_names_what_differs_from_the_chart() -> None:
    reports = [Report(f"scenario {number}") for number in range(13)]
    text = table(reports, ["gateway.workers: 1, not 0: a small machine", "word " * 50])
    assert [line.split("  ")[0] for line in text.splitlines()[1:14]] == [e.name for e in reports]
    assert "savable     failed without a reason below: has to be 0" in text
    assert "not as the chart has it, here:\n  gateway.workers: 1, not 0" in text
    assert max(map(len, text.splitlines())) <= 110
