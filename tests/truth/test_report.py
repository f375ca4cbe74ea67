from __future__ import annotations

from truth.bounds import SECOND_US, Bucket, Mode, Trouble, Window
from truth.evidence import Passed
from truth.limits import Held
from truth.load import REFUSED, Result
from truth.report import Report, row, weigh
from truth.table import table

WINDOW = Held("window", Window(3), Mode(), 1)
BUCKET = Held("bucket", Bucket(10, 2), Mode(), 1)
DENY = Held("deny", Bucket(10, 2), Mode(away="deny"), 1)


def at(second: float, asker: str = "window", status: int = 200, **more: object) -> Result:
    sent_us = int(second * SECOND_US)
    return Result("id", asker, 0, sent_us, sent_us + 1000, status, **more)  # type: ignore[arg-type]


def passed(*seconds: float) -> list[Passed]:
    return [Passed(int(s * SECOND_US), int(s * SECOND_US) + 500) for s in seconds]


def test_one_request_too_many_does_not_hold() -> None:
    asked = [at(n) for n in range(10)]
    assert not row(WINDOW, passed(1, 2, 3), asked, Report("")).broken()
    assert row(WINDOW, passed(1, 2, 3, 4), asked, Report("")).broken() == [
        "window: let through 4, at most 3"
    ]


def test_one_request_too_few_does_not_hold() -> None:
    asked = [at(n) for n in range(10)]
    assert row(WINDOW, passed(1, 2), asked, Report("")).broken() == [
        "window: let through 2, at least 3"
    ]


def test_a_run_over_two_windows_has_no_floor() -> None:
    assert row(WINDOW, passed(59), [at(59), at(61)], Report("")).least is None


def test_a_bucket_is_measured_above_its_rate() -> None:
    asked = [at(n / 20, "bucket") for n in range(40)]
    good = [0, *(n / 10 for n in range(20))]
    assert not row(BUCKET, passed(*good), asked, Report("")).broken()
    assert row(BUCKET, passed(*good, 1.0), asked, Report("")).most == 3
    assert row(BUCKET, passed(*good[:10]), asked, Report("")).broken()


def test_who_denies_owes_nothing_for_the_time_without_the_state() -> None:
    asked = [at(n / 20, "deny") for n in range(40)]
    away = Report("", trouble=Trouble(aways=1, any_us=SECOND_US))
    assert row(DENY, passed(*(n / 10 for n in range(11))), asked, away).least == 9


def test_only_who_denies_may_answer_503() -> None:
    report = Report("")
    results = [at(1), at(1, status=429), at(1, "deny", 503), at(1, status=REFUSED)]
    weigh(report, [*results, at(1, status=503, problem="x")], frozenset({"deny"}))
    assert report.errors == {"503 x": 1, "not connected": 1}
    assert len(report.broken(timed=False)) == 2


def test_deciding_without_a_state_that_was_there_does_not_hold() -> None:
    assert Report("", faultless=True, degraded=1).broken(timed=False)
    assert not Report("", degraded=1).broken(timed=False)


def test_times_are_taken_from_the_moment_at_which_the_state_went_and_came_back() -> None:
    report = Report("", began_us=10 * SECOND_US, ended_us=20 * SECOND_US)
    slow = at(10.5, degraded=True)
    slow.ended_us = slow.sent_us + 90_000
    weigh(report, [at(9), slow, at(15), at(22.5, degraded=True)], frozenset())
    assert (report.first_ms, report.later_ms, report.recovered_s) == (90, 1, 2.5)
    assert len(report.broken(timed=True)) == 2
    assert not report.broken(timed=False)


def test_a_herd_waits_for_itself_and_its_times_are_not_the_states() -> None:
    report = Report("", began_us=10 * SECOND_US, ended_us=20 * SECOND_US)
    one = at(15)
    one.name, one.ended_us = "of the herd", one.sent_us + 500_000
    report.herd = {one.name}
    weigh(report, [at(9), at(12), one], frozenset())
    assert report.later_ms == 1


def test_the_table_shows_what_does_not_hold() -> None:
    report = Report("trouble", rows=[row(WINDOW, passed(1), [at(1)], Report(""))])
    shown = table([report], timed=False)
    assert "| trouble | window | 1     | 1    | 3     | 1           | 3        | no    |" in shown
    assert "- DOES NOT HOLD, trouble: window: let through 1, at least 3" in shown
