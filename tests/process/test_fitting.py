from __future__ import annotations

import asyncio
import json
from typing import Any

from sluicegate.errors import Fault
from sluicegate.process.fitting import Fit, Fitting, together
from sluicegate.snapshot.document import Resources
from sluicegate.snapshot.fusion import Fusion
from sluicegate.snapshot.policies import PolicyCatalog

NOTHING = Resources.of({})
SERVICE = {"targets": ["http://192.0.2.1:80"]}


def route(path: str, service: str = "s") -> dict[str, Any]:
    return {"match": {"path": path}, "service": service}


def contents(**specs: dict[str, Any]) -> dict[Any, bytes]:
    """Return stored resources: `route_a` is the route `a`."""
    return {tuple(name.split("_")): json.dumps(spec).encode() for name, spec in specs.items()}


async def accepting(_: Resources) -> list[Fault]:
    return []


def fit(stored: dict[Any, bytes], file: Resources = NOTHING, trial: Any = accepting) -> Fit:
    fitting = Fitting(Fusion(PolicyCatalog()), trial)
    return asyncio.run(fitting.fit(file, stored, {}.__getitem__))


def names(resources: Resources) -> set[str]:
    return {name for _, name in resources.items}


def test_what_fits_runs() -> None:
    found = fit(contents(service_s=SERVICE, route_a=route("/a")))
    assert names(found.whole) == {"s", "a"}
    assert not found.faults


def test_what_does_not_fit_is_left_out_and_said() -> None:
    found = fit(contents(service_s=SERVICE, route_a=route("/a"), route_b=route("/b", "gone")))
    assert names(found.whole) == {"s", "a"}
    assert found.left_out == {("route", "b")}
    assert [fault.path for fault in found.faults] == ["routes.b.service"]


def test_what_only_the_compiler_refuses_is_left_out_too() -> None:
    async def refusing(resources: Resources) -> list[Fault]:
        wrong = ("route", "b") in resources.items
        return [Fault("routes.b.policies[0].cors", 0, "it cannot be built")] if wrong else []

    stored = contents(service_s=SERVICE, route_a=route("/a"), route_b=route("/b"))
    found = fit(stored, trial=refusing)
    assert names(found.whole) == {"s", "a"}
    assert found.left_out == {("route", "b")}
    assert [fault.message for fault in found.faults] == ["it cannot be built"]


def test_a_file_that_does_not_compile_is_told_and_ends_the_search() -> None:
    async def refusing(_: Resources) -> list[Fault]:
        return [Fault("routes.of_the_file", 0, "it cannot be built")]

    found = fit(contents(service_s=SERVICE), trial=refusing)
    assert [fault.path for fault in found.faults] == ["routes.of_the_file"]
    assert not found.left_out


def test_only_what_a_change_brings_is_held_against_it() -> None:
    old = contents(service_s=SERVICE, route_a=route("/a"), route_b=route("/b", "gone"))
    before = fit(old)
    good = fit(old | contents(route_c=route("/c")))
    assert good.brought_since(before, {("route", "c")}) == []
    bad = fit(old | contents(route_c=route("/a")))
    [fault] = bad.brought_since(before, {("route", "c")})
    assert fault.path.startswith("routes.c")
    without = {item: content for item, content in old.items() if item != ("service", "s")}
    [fault] = fit(without).brought_since(before, {("service", "s")})
    assert fault.path == "routes.a.service"
    still = fit(old | contents(route_b=route("/b", "elsewhere")))
    [fault] = still.brought_since(before, {("route", "b")})
    assert fault.path == "routes.b.service"


def test_of_what_both_have_the_files_runs() -> None:
    file = Resources.of({("route", "a"): b"file"})
    stored = Resources.of({("route", "a"): b"stored", ("route", "b"): b"stored"})
    both = together(file, stored)
    assert both.items == {("route", "a"): b"file", ("route", "b"): b"stored"}
    assert together(file, NOTHING).revision == file.revision


def test_the_part_beside_the_file_is_what_the_file_does_not_declare() -> None:
    found = fit(contents(service_s=SERVICE, route_a=route("/a")))
    file = Resources.of({("service", "s"): found.whole.items["service", "s"]})
    assert names(found.beside(file)) == {"a"}
