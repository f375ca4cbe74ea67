from __future__ import annotations

import pytest

from sluicegate.process.status import Phase, WorkerStatus, is_live, is_ready


def workers(*phases: Phase) -> list[WorkerStatus]:
    return [WorkerStatus(n, phase, 1, None, 0, 0) for n, phase in enumerate(phases)]


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        (("ready", "ready"), True),
        (("ready", "gone"), True),
        (("ready", "gone", "starting"), False),
        (("ready", "ready", "silent", "gone"), True),
        (("starting",), False),
        ((), False),
    ],
)
def test_half_of_the_workers_have_to_serve(phases: tuple[Phase, ...], *, expected: bool) -> None:
    assert is_ready(workers(*phases), draining=False) is expected


def test_one_draining_worker_takes_the_replica_out() -> None:
    assert not is_ready(workers("ready", "ready", "draining"), draining=False)


def test_a_draining_replica_is_not_ready() -> None:
    assert not is_ready(workers("ready", "ready"), draining=True)


def test_one_worker_that_is_heard_is_enough_to_live() -> None:
    assert is_live(workers("gone", "silent", "starting"))
    assert not is_live(workers("gone", "silent"))
