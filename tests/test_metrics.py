"""Counting."""

from __future__ import annotations

import msgspec
import pytest

from sluicegate.metrics import Family, FamilyDump, Metrics


def test_a_cell_stays_the_same_object_for_the_same_labels() -> None:
    family = Family("a_total", "counter", "A.", ("route",))
    cell = family.cell("x")
    cell.value += 2
    assert family.cell("x") is cell
    assert family.cell("y").value == 0


def test_labels_have_to_be_those_that_were_declared() -> None:
    with pytest.raises(ValueError, match="route"):
        Family("a_total", "counter", "A.", ("route",)).cell("x", "y")


def test_past_the_bound_new_series_count_as_other() -> None:
    family = Family("a_total", "counter", "A.", ("route", "status"), max_series=2)
    first = family.cell("a", "200")
    family.cell("b", "200")
    for name in "cdefg":
        family.cell(name, "200").value += 1
    assert family.cell("a", "200") is first
    assert family.cell("other", "other").value == 5
    assert len(family.series) == 3


@pytest.mark.parametrize(("value", "bucket"), [(0, 0), (1, 0), (1.5, 1), (2, 1), (3, 2), (9e9, 2)])
def test_a_value_counts_in_the_bucket_whose_bound_it_does_not_pass(
    value: float, bucket: int
) -> None:
    family = Family("a_seconds", "histogram", "A.", bounds=(1.0, 2.0))
    cell = family.histogram()
    cell.observe(value)
    assert cell.counts == [int(bucket == number) for number in range(3)]
    assert cell.sum == value


def test_a_family_is_declared_once() -> None:
    metrics = Metrics()
    assert metrics.family("a", "gauge", "A.") is metrics.family("a", "gauge", "A.")


def test_a_dump_is_a_copy_that_travels() -> None:
    metrics = Metrics()
    cell = metrics.family("a_total", "counter", "A.", ("x",)).cell("1")
    times = metrics.family("b_seconds", "histogram", "B.", bounds=(1.0,)).histogram()
    cell.value = 3
    times.observe(0.5)
    raw = msgspec.msgpack.encode(metrics.dump())
    cell.value = 4
    times.observe(2)
    first, second = msgspec.msgpack.decode(raw, type=list[FamilyDump])
    assert (first.name, first.labels, first.series[0].values) == ("a_total", ["x"], ["1"])
    assert first.series[0].number == 3
    assert (second.bounds, second.series[0].counts, second.series[0].sum) == ([1.0], [1, 0], 0.5)


def test_a_dump_does_not_change_with_what_is_counted_later() -> None:
    metrics = Metrics()
    times = metrics.family("b_seconds", "histogram", "B.", bounds=(1.0,)).histogram()
    dump = metrics.dump()
    times.observe(0.5)
    assert dump[0].series[0].counts == [0, 0]


def test_series_of_what_is_gone_are_dropped_and_others_stay() -> None:
    metrics = Metrics()
    targets = metrics.family("a_total", "counter", "By target.", ("service", "target"))
    services = metrics.family("b", "gauge", "By service.", ("scope", "service"))
    routes = metrics.family("c_total", "counter", "By route.", ("route",))
    for labels in (("s", "x"), ("s", "y"), ("t", "x")):
        targets.cell(*labels).value = 1
    services.cell("route:r", "s").value = 1
    routes.cell("s").value = 1
    metrics.forget(service="s", target="x")
    assert set(targets.series) == {("s", "y"), ("t", "x")}
    assert set(services.series) == {("route:r", "s")}
    metrics.forget(service="s")
    assert set(targets.series) == {("t", "x")}
    assert not services.series
    assert set(routes.series) == {("s",)}


def test_gauges_can_be_set_when_they_are_looked_at() -> None:
    metrics = Metrics()
    cell = metrics.family("a", "gauge", "Counted late.").cell()

    def look() -> None:
        cell.value += 1

    metrics.at_scrape(look)
    metrics.dump()
    metrics.dump()
    assert cell.value == 2
    metrics.forget_at_scrape(look)
    metrics.dump()
    assert cell.value == 2


def test_one_who_cannot_look_keeps_nothing_else_from_being_told() -> None:
    metrics = Metrics()
    metrics.family("a_total", "counter", "A.").cell().value = 3

    def fails() -> None:
        raise RuntimeError

    metrics.at_scrape(fails)
    assert [(family.name, family.series[0].number) for family in metrics.dump()] == [("a_total", 3)]
