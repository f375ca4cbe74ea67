from __future__ import annotations

from sluicegate.process.health import HealthView
from support.mock_clock import MockClock


def view() -> tuple[HealthView, MockClock]:
    clock = MockClock()
    return HealthView(clock, 10), clock


def test_a_new_process_is_alive_and_not_ready() -> None:
    health, _ = view()
    assert health.answer("/actuator/health/liveness") == (200, b'{"status":"UP"}')
    assert health.answer("/actuator/health/readiness") == (503, b'{"status":"OUT_OF_SERVICE"}')


def test_it_says_what_the_supervisor_says() -> None:
    health, _ = view()
    health.heard(live=True, ready=True)
    assert (health.liveness(), health.readiness(), health.region()) == ("UP", "UP", "UP")
    health.heard(live=True, ready=False)
    assert health.readiness() == "OUT_OF_SERVICE"
    assert health.region() == "OUT_OF_SERVICE"


def test_draining_is_not_ready_whatever_the_supervisor_says() -> None:
    health, _ = view()
    health.heard(live=True, ready=True)
    health.draining = True
    assert health.readiness() == "OUT_OF_SERVICE"
    assert health.liveness() == "UP"


def test_a_supervisor_that_hangs_is_not_believed_any_more() -> None:
    health, clock = view()
    health.heard(live=True, ready=True)
    clock.advance(10)
    assert health.liveness() == "DOWN"
    assert health.readiness() == "OUT_OF_SERVICE"
    health.heard(live=True, ready=True)
    assert health.readiness() == "UP"


def test_other_paths_are_none_of_its_business() -> None:
    health, _ = view()
    assert health.answer("/actuator/health/secrets") is None
    assert health.answer("/actuator/health") is None
    assert health.answer("/users/liveness") is None
