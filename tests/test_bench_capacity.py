"""What `make capacity` says of sizes, and that its page says the same."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.capacity import (
    BEGIN,
    DOCUMENT,
    END,
    EXACT,
    LEASED,
    Costs,
    Deployment,
    breaks,
    costs,
    document,
    grown,
    loads,
)
from bench.queues import quantile, simulate

AT = Costs(
    exact_us=50, leased_us=40, valkey_us=20, subject_bytes=250, worker_mb=70, priced_us=200,
    priced_valkey_us=100, entry_us=30, mover_us=20, entry_bytes=800, line_bytes=400,
)  # fmt: skip


def test_the_page_says_what_the_command_prints() -> None:
    page = DOCUMENT.read_text()
    said = page[page.index(BEGIN) + len(BEGIN) : page.index(END)]
    assert said == document(costs()), "run `make capacity ARGS=--write`"


def test_costs_are_those_of_the_newest_results_that_hold_them(tmp_path: Path) -> None:
    def result(day: int, exact_us: float) -> None:
        rows = [
            {"name": EXACT, "cpu_us": exact_us, "valkey_us": 16.0, "memory_mb": 70.0},
            {"name": LEASED, "cpu_us": 40.0},
        ]
        content = {"cost": rows, "state": [{"bytes_each": 200.0}, {"bytes_each": 240.0}]}
        (tmp_path / f"2026-01-0{day}.json").write_text(json.dumps(content))

    result(1, 50)
    result(2, 60)
    (tmp_path / "2026-01-03.json").write_text(json.dumps({"chat": []}))
    found = costs(tmp_path)
    assert (found.exact_us, found.valkey_us, found.subject_bytes) == (60, 16, 240)
    with pytest.raises(LookupError, match="no results of a full `make bench`"):
        costs(tmp_path / "nowhere")


@pytest.mark.parametrize("utilisation", [0.3, 0.6, 0.8])
def test_a_lone_worker_waits_as_the_textbook_says(utilisation: float) -> None:
    """Three visits to two M/M/1 queues (Jackson): each takes its service ÷ (1 - utilisation)."""
    service_s = 50e-6  # of both, so that its calls are all that load the Valkey
    played = simulate(service_s, service_s, utilisation, workers=1)
    mean_s = 2 * service_s / (1 - utilisation)
    # The median of a sum of exponential times: below its mean, and above that of a single one.
    assert mean_s * math.log(2) < played.p50_s < mean_s
    assert mean_s < played.p99_s
    assert played.late == 0


def test_the_fuller_the_longer_it_takes() -> None:
    seen = [simulate(50e-6, 20e-6, share, requests=20_000).p99_s for share in (0.3, 0.6, 0.9)]
    assert seen == sorted(seen)


def test_a_quantile_is_the_value_that_so_many_do_not_pass() -> None:
    assert quantile(range(1, 101), 0.99) == 99
    assert quantile([5.0], 0.5) == 5.0


@given(
    st.floats(1, 2e7),
    st.integers(1, 500),
    st.integers(1, 10**7),
    st.floats(0, 1),
)
def test_when_every_knob_is_turned_all_is_carried(
    rps: float, replicas: int, subjects: int, hottest: float
) -> None:
    at = grown(Deployment(rps, replicas=replicas, subjects=subjects, hottest=hottest), AT)
    for load in loads(at, AT):
        assert load.used <= 1 or "of the one that counts a caller" in load.what, load


def test_what_gives_way_first_is_said_first_and_at_which_load() -> None:
    first, *_ = breaks(Deployment(200_000, hottest=0.0), AT)
    # 0.6 of one Valkey that needs 20 µs a call
    assert (first.what, round(first.rps)) == ("Valkey: CPU of a shard", 30_000)
    assert first.after.shards == 7


def test_what_has_no_knob_is_said_once() -> None:
    found = list(breaks(Deployment(10_000, replicas=100, priced=1.0, connections=2), AT))
    assert [one.what for one in found if one.after.priced][-1].endswith("that counts money")
    assert round(found[-1].rps) == 6000


def test_leases_save_calls_only_where_callers_come_often() -> None:
    few = Deployment(100_000, leased=True, subjects=10)
    many = Deployment(100_000, leased=True, subjects=10**7)
    assert few.calls() == pytest.approx(10 * 10 * 2)
    assert many.calls() == pytest.approx(100_000, rel=0.01)
