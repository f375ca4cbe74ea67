"""The dashboards, as files: their form, their layout, and that what they ask for exists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sluicegate.metrics import Family
from support.dashboards import (
    FOLDER,
    NAMES,
    ROOT,
    Query,
    choices,
    dashboard,
    panels,
    queries,
    variables,
)
from support.promql import family_of, named
from support.promtool import parsed

COLUMNS = 24
"""Of Grafana's grid."""
OF_PROMETHEUS = {"namespace", "job", "instance"}
ADDED = ("rate", "increase", "changes")
KINDS = {"timeseries", "stat", "table", "heatmap"}
DATA_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@pytest.fixture
def form(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that has the form of dashboards."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import dashboards  # noqa: PLC0415 - a script's neighbour

    return dashboards


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Every metric that the gateway has, and its labels."""
    return {family.name: set(family.labels) for family in every_family()}


def every_family() -> list[Family]:
    from sluicegate.cli.declared import families  # noqa: PLC0415 - reads all sources
    from sluicegate.metrics import Metrics  # noqa: PLC0415 - same
    from sluicegate.telemetry.genai import GenAi  # noqa: PLC0415 - same

    told = Metrics()
    GenAi(told)
    return [*families(), *told.families.values()]


def all_queries() -> list[Query]:
    return [query for name in NAMES for query in queries(name)]


def test_these_are_all_dashboards() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_in_form(name: str, form: ModuleType) -> None:
    text = (FOLDER / f"{name}.json").read_text()
    assert text == form.in_form(json.loads(text)), "run `python scripts/observability.py`"


def test_the_form_loses_nothing_but_numbers(form: ModuleType) -> None:
    made = dashboard("traffic")
    exported = made | {"id": 7, "version": 3, "panels": [p | {"id": 1} for p in made["panels"]]}
    assert json.loads(form.in_form(exported)) == made


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_can_be_provisioned_anywhere(name: str) -> None:
    made = dashboard(name)
    assert made["uid"] == f"sluicegate-{name}"
    assert made["schemaVersion"] == 41, "of Grafana 11.6 and 12.0"
    assert not {"id", "version", "__inputs", "__requires"} & made.keys()
    assert list(sources(made)) == [DATA_SOURCE] * len(list(sources(made)))
    first = variables(name)[0]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource", "datasource", "prometheus",
    )  # fmt: skip


def sources(value: Any) -> Iterator[Any]:
    """Yield every data source that a dashboard names."""
    if isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from sources(each)


@pytest.mark.parametrize("name", NAMES)
def test_panels_fill_the_grid_and_do_not_overlap(name: str) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard(name)["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                there = taken.setdefault((x, y), panel["title"])
                assert there == panel["title"], f"{there} and {panel['title']} overlap"
    rows = {y for _, y in taken}
    assert rows == set(range(max(rows) + 1)), "there is an empty stretch"
    assert set(taken) == {(x, y) for x in range(COLUMNS) for y in rows}, "there is a gap"


@pytest.mark.parametrize("name", NAMES)
def test_panels_say_what_they_show_and_what_to_do(name: str) -> None:
    titles = [panel["title"] for panel in dashboard(name)["panels"]]
    assert len(titles) == len(set(titles))
    for panel in panels(name):
        assert panel["type"] in KINDS, panel["title"]
        assert len(panel["description"]) > 30, panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        for target in panel["targets"]:
            told_apart = named(target["expr"])[1] - {"le"}
            assert panel["type"] in {"stat", "table"} or (
                target["legendFormat"] and (not told_apart or "{{" in target["legendFormat"])
            ), panel["title"]
        defaults = panel["fieldConfig"]["defaults"]
        units = [p["value"] for o in panel["fieldConfig"]["overrides"] for p in o["properties"]]
        where = [defaults, panel["options"].get("yAxis", {})]
        assert units or any("unit" in each for each in where), panel["title"]


def test_every_query_can_be_parsed(tmp_path: Path) -> None:
    found = all_queries()
    texts = {f"{n} {query.name}": query.asked("1m") for n, query in enumerate(found)}
    parsed(texts, tmp_path)


def test_a_query_that_cannot_be_parsed_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="query:0"):
        parsed({"wrong": "sum(by)("}, tmp_path)


@pytest.mark.parametrize("query", all_queries(), ids=lambda query: query.name)
def test_a_query_names_metrics_and_labels_that_there_are(
    query: Query, known: dict[str, set[str]]
) -> None:
    selected, grouped = named(query.text)
    assert selected, query.text
    labels: set[str] = set(OF_PROMETHEUS)
    for each in selected:
        found = family_of(each.metric, known)
        assert found is not None, f"{each.metric} is no metric of the gateway"
        assert each.labels <= found[1] | OF_PROMETHEUS, f"{each.metric} has no such label"
        assert each.labels >= OF_PROMETHEUS, f"{each.metric} is not asked of what was chosen"
        labels |= found[1]
    assert grouped <= labels, f"{grouped - labels} is nobody's label"


@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_chosen_is_there_and_used(name: str, known: dict[str, set[str]]) -> None:
    text = " ".join(query.text for query in queries(name))
    for label, match in choices(name):
        assert f"${label}" in text, f"nothing asks for ${label}"
        selected, _ = named(match)
        found = family_of(selected[0].metric, known)
        assert found is not None, match
        assert label in found[1] | OF_PROMETHEUS


def test_counters_are_shown_as_what_was_added() -> None:
    for query in all_queries():
        for each in named(query.text)[0]:
            counted = each.metric.endswith(("_total", "_bucket", "_count", "_sum"))
            place = query.text.index(each.metric)
            over = query.text[:place].rstrip("(").rpartition("(")[2].rpartition(" ")[2]
            born = "offset $__rate_interval" in query.text  # counts a first event too
            assert not counted or born or over.endswith(ADDED), query.text


def test_windows_of_rates_are_grafanas() -> None:
    for query in all_queries():
        assert "$__interval" not in query.text, "too short for a rate"
        for window in query.text.split("[")[1:]:
            assert window.startswith(("$__rate_interval]", "$__range]")), query.text


def test_every_metric_is_on_a_dashboard(known: dict[str, set[str]]) -> None:
    shown = set()
    for query in all_queries():
        for each in named(query.text)[0]:
            found = family_of(each.metric, known)
            assert found is not None
            shown.add(found[0])
    assert known.keys() - shown == set()


def test_runbooks_that_panels_lead_to_are_there() -> None:
    for name in NAMES:
        for panel in panels(name):
            for link in panel.get("links", ()):
                path = link["url"].removeprefix("${documents}")
                assert (ROOT / path).is_file(), f"{name}, {panel['title']}: {path}"


def test_every_alert_that_looks_at_a_metric_is_reached_from_a_panel(form: ModuleType) -> None:
    reached = {
        link["url"].removeprefix("${documents}")
        for name in NAMES
        for panel in panels(name)
        for link in panel.get("links", ())
    }
    looking = {path for path, looked_at in form.runbooks().items() if looked_at}
    assert looking - reached == set()


def test_names_of_a_query_are_found_wherever_they_stand() -> None:
    text = (
        'topk(3, sum by (route, rout) (rate(a_total{job="x", b=~"c{d}"}[1m:5s])) / on (route) '
        "group_left () (f_bucket offset 5m or vector(0)) > bool 1e3)"
    )
    selected, grouped = named(text)
    assert [(each.metric, each.labels) for each in selected] == [
        ("a_total", {"job", "b"}),
        ("f_bucket", set()),
    ]
    assert grouped == {"route", "rout"}
    assert family_of("f_bucket", {"f": {"g"}}) == ("f", {"g", "le"})
    assert family_of("f_bucke", {"f": {"g"}}) is None
