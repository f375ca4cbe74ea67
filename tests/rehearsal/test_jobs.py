"""A Job tries again with growing waits, and gives up at its limit or deadline."""

from __future__ import annotations

import pytest

from rehearsal.jobs import Attempt, Next, backoff_s, following

FAILED = Attempt("Failed", ended_s=100.0)


def test_a_job_starts_one_pod_and_waits_for_it() -> None:
    assert following({}, [], 0, 0) == (Next.CREATE, "")
    assert following({}, [Attempt("Running")], 0, 5) == (Next.WAIT, "")
    assert following({}, [FAILED, Attempt("Succeeded")], 0, 9) == (Next.COMPLETE, "")


def test_waits_double_up_to_six_minutes() -> None:
    assert [backoff_s(n) for n in range(1, 8)] == [10, 20, 40, 80, 160, 320, 360]


def test_a_failed_pod_is_replaced_after_its_wait() -> None:
    assert following({}, [FAILED], 0, 109)[0] is Next.WAIT
    assert following({}, [FAILED], 0, 110)[0] is Next.CREATE
    assert following({}, [FAILED], 0, 101, pace=0.1)[0] is Next.CREATE


def test_no_more_pods_than_the_limit_allows() -> None:
    assert following({"backoffLimit": 0}, [FAILED], 0, 200) == (Next.FAILED, "BackoffLimitExceeded")
    assert following({"backoffLimit": 1}, [FAILED], 0, 200)[0] is Next.CREATE
    twice = [FAILED, FAILED]
    assert following({"backoffLimit": 1}, twice, 0, 999) == (Next.FAILED, "BackoffLimitExceeded")


def test_restarts_inside_a_pod_count_too() -> None:
    restarted = Attempt("Running", restarts=2)
    assert following({"backoffLimit": 2}, [restarted], 0, 5)[0] is Next.FAILED
    assert following({"backoffLimit": 3}, [restarted], 0, 5)[0] is Next.WAIT


def test_a_deadline_ends_it_whatever_runs() -> None:
    spec = {"activeDeadlineSeconds": 60}
    running = [Attempt("Running")]
    assert following(spec, running, began_s=0, now_s=59)[0] is Next.WAIT
    assert following(spec, running, began_s=0, now_s=60) == (Next.FAILED, "DeadlineExceeded")


def test_jobs_of_several_pods_are_refused() -> None:
    with pytest.raises(ValueError, match="one pod"):
        following({"completions": 2}, [], 0, 0)
