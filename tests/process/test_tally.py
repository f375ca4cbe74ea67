from __future__ import annotations

from sluicegate.metrics import FamilyDump, Metrics, Series
from sluicegate.process.tally import Tally, merge


def dump(requests: float, in_flight: float = 0, *seconds: float) -> list[FamilyDump]:
    metrics = Metrics()
    metrics.family("requests_total", "counter", "", ("route",)).cell("a").value = requests
    metrics.family("in_flight", "gauge", "").cell().value = in_flight
    histogram = metrics.family("seconds", "histogram", "", bounds=(1, 2)).histogram()
    for value in seconds:
        histogram.observe(value)
    return metrics.dump()


def series(families: list[FamilyDump], name: str) -> list[Series]:
    return next((family.series for family in families if family.name == name), [])


def test_equal_series_are_added_up() -> None:
    total = merge([dump(3, 1, 0.5), dump(4, 2, 1.5, 9)])
    assert [one.number for one in series(total, "requests_total")] == [7]
    assert [one.number for one in series(total, "in_flight")] == [3]
    assert [(one.counts, one.sum) for one in series(total, "seconds")] == [([1, 1, 1], 11)]


def test_series_with_other_labels_stay_apart() -> None:
    metrics = Metrics()
    metrics.family("requests_total", "counter", "", ("route",)).cell("b").value = 5
    total = merge([dump(3), metrics.dump()])
    found = {tuple(one.values): one.number for one in series(total, "requests_total")}
    assert found == {("a",): 3, ("b",): 5}


def test_merging_leaves_what_was_merged_as_it_was() -> None:
    one = dump(3, 1, 0.5)
    merge([one, dump(4, 1, 0.5)])
    assert series(one, "requests_total")[0].number == 3
    assert series(one, "seconds")[0].counts == [1, 0, 0]


def test_a_worker_that_says_nothing_new_counts_with_its_last_values() -> None:
    tally = Tally()
    tally.heard(1, dump(3))
    tally.heard(2, dump(4))
    tally.heard(2, dump(6))
    assert series(tally.total(), "requests_total")[0].number == 9


def test_counters_and_histograms_of_a_dead_worker_stay_and_its_gauges_vanish() -> None:
    tally = Tally()
    tally.heard(1, dump(3, 7, 0.5))
    tally.retire(1)
    total = tally.total()
    assert series(total, "requests_total")[0].number == 3
    assert series(total, "seconds")[0].counts == [1, 0, 0]
    assert series(total, "in_flight") == []


def test_counters_never_fall_over_any_number_of_deaths() -> None:
    tally, last = Tally(), 0.0
    for worker in range(20):
        tally.heard(worker, dump(worker))
        before = series(tally.total(), "requests_total")[0].number
        tally.retire(worker)
        after = series(tally.total(), "requests_total")[0].number
        assert last <= before == after
        last = after


def test_a_worker_that_was_never_scraped_leaves_nothing() -> None:
    tally = Tally()
    tally.retire(1)
    assert tally.total() == []


def test_a_gauge_of_the_worst_worker_is_not_a_sum() -> None:
    def dump(number: float, how: str) -> list[FamilyDump]:
        return [FamilyDump("g", "gauge", "", [], [], [Series([], number)], how)]  # type: ignore[arg-type]

    assert merge([dump(3, "max"), dump(1, "max")])[0].series[0].number == 3
    assert merge([dump(3, "min"), dump(1, "min")])[0].series[0].number == 1
    assert merge([dump(3, "sum"), dump(1, "sum")])[0].series[0].number == 4
