from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import ConfigError, Fault
from sluicegate.settings import Settings
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.last_good import LastGood
from sluicegate.snapshot.load import FOLDER_MARK, load
from sluicegate.snapshot.policies import PolicyCatalog
from support.configuration import faults_of, load_text, messages_of

PLAN_EXAMPLE = """\
gateway:    {listen: 0.0.0.0:8080, workers: auto}
management: {listen: 127.0.0.1:9090}
state:      {url: memory://}
region:     {name: local}
services:
  users: {targets: [http://10.0.0.5:9000, {url: http://10.0.0.6:9000, weight: 2}]}
plans:
  free: {policies: [{rate_limit: {allow: [10/second burst 20, 500/minute], by: consumer}}]}
consumers:
  alice: {plan: free, team: blue, keys: [{value: '${env:ALICE}'}]}
teams: {blue: {plan: free}}
peppers: {main: '${env:PEPPER}'}
routes:
  users: {match: {path: /api/v1/users/**}, service: users, policies: [{api_key: {}}]}
"""
ENVIRON = {"ALICE": "alice-has-a-key-", "PEPPER": "p" * 32}


def test_a_whole_configuration_becomes_settings_and_resources() -> None:
    loaded = load_text(PLAN_EXAMPLE, ENVIRON)
    assert loaded.settings == Settings()
    items = {key: decode(key[0], raw) for key, raw in loaded.resources.items.items()}
    assert set(items) == {
        ("service", "users"),
        ("plan", "free"),
        ("team", "blue"),
        ("consumer", "alice"),
        ("pepper", "main"),
        ("route", "users"),
    }
    assert [target.weight for target in items["service", "users"].targets] == [1, 2]
    assert items["consumer", "alice"].keys[0].value == ENVIRON["ALICE"]
    assert items["pepper", "main"] == ENVIRON["PEPPER"]
    assert items["route", "users"].policies[0]["api_key"]["bearer"] is True


def test_the_list_for_every_route_is_a_resource_only_where_it_is_written() -> None:
    text = "policies: [{metrics: {}}]\nroutes: {}\n"
    assert decode("policies", load_text(text).resources.items["policies", ""]) == [{"metrics": {}}]
    assert load_text("routes: {}\n").resources.items == {}


def test_equal_configurations_are_equal_resources_however_they_are_written() -> None:
    one = load_text("services: {a: {targets: ['http://a:1']}}\n").resources
    other = load_text(
        "# a comment\nservices:\n  a:\n    balance: least_requests\n"
        "    targets:\n      - {weight: 1, url: 'http://a:1'}\n    timeouts: {first_byte: 60s}\n"
    ).resources
    assert one == other


def test_only_what_changed_has_other_bytes() -> None:
    before = load_text(PLAN_EXAMPLE, ENVIRON).resources
    after = load_text(PLAN_EXAMPLE.replace("weight: 2", "weight: 3"), ENVIRON).resources
    changed = {key for key, raw in after.items.items() if before.items[key] != raw}
    assert changed == {("service", "users")}
    assert before.revision != after.revision


def test_every_fault_is_found_in_one_pass() -> None:
    text = (
        "gatway: {}\n"
        "gateway: {listen: nowhere, halth: off}\n"
        "services:\n"
        "  a: {targets: []}\n"
        "  'b c': {targets: ['http://b:1']}\n"
        "plans: 3\n"
        "peppers: {Main: short}\n"
        "routes:\n"
        "  x: {match: {path: x}, service: gone, policies: [{cors: {}, api_key: {}}, {nope: {}}]}\n"
        "  y: {match: {}, timeouts: {connect: 3}, service: '${env:GONE}'}\n"
        "policies: {}\n"
    )
    faults = faults_of(text, {"SLUICEGATE_STATE_URI": "x"})
    found = [(fault.line, fault.path) for fault in faults]
    assert found == sorted(found, key=lambda pair: pair[0])
    assert set(found) == {
        (0, "SLUICEGATE_STATE_URI"),
        (1, "gatway"),
        (2, "gateway.listen"),
        (2, "gateway.halth"),
        (4, "services.a.targets"),
        (5, 'services["b c"]'),
        (6, "plans"),
        (7, "peppers.Main"),
        (9, "routes.x.match.path"),
        (9, "routes.x.service"),
        (9, "routes.x.policies[0]"),
        (9, "routes.x.policies[1].nope"),
        (10, "routes.y.timeouts.connect"),
        (10, "routes.y.service"),
        (11, "policies"),
    }


def test_an_unknown_section_is_met_with_what_it_may_have_been() -> None:
    found = messages_of("rotues: {}\n")
    assert found == {"rotues": "`rotues` is not a field here; did you mean `routes`?"}


@pytest.mark.parametrize("text", ["", "# nothing\n", "null\n", "[]\n", "word\n"])
def test_a_file_that_configures_nothing_is_refused(text: str) -> None:
    # An editor that truncates before it writes must not take every route away.
    (fault,) = faults_of(text)
    assert fault.message == "found nothing to configure; expected a mapping with `routes`"


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "gone", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError, match=reason):
            load(path, {}, PolicyCatalog(()))


def test_broken_yaml_is_one_fault_with_its_line() -> None:
    (fault,) = faults_of("routes:\n  a: {match: {path: /}, service\n  b: 1\n")
    assert fault.line == 3
    assert fault.message.startswith("not valid YAML")


def test_faults_that_are_found_later_get_their_line() -> None:
    draft = load_text(PLAN_EXAMPLE, ENVIRON).draft
    fault = draft.locate(Fault("plans.free.policies[0].rate_limit", 0, "no"))
    assert fault.line == 8


def test_the_accepted_text_holds_no_secret_and_loads_again_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "pepper").write_text("p" * 32 + "\n")
    path = tmp_path / "etc" / "application.yml"
    path.write_text(PLAN_EXAMPLE.replace("${env:PEPPER}", "${file:pepper}"))
    first = load(path, ENVIRON, PolicyCatalog(()))
    assert b"ppp" not in first.source
    assert ENVIRON["ALICE"].encode() not in first.source
    good = LastGood(tmp_path / "data")
    good.keep(first.source)
    again = load(good.path, ENVIRON, PolicyCatalog(()))
    assert again.resources == first.resources
    assert again.source == first.source


def test_a_first_line_that_names_no_folder_is_a_fault() -> None:
    (fault,) = faults_of(FOLDER_MARK.decode() + "{\nroutes: {}\n")
    assert (fault.line, fault.message[:25]) == (1, "the first line names no f")


def many(count: int) -> str:
    return "services: {s: {targets: ['http://a:1']}}\nroutes:\n" + "".join(
        f"  r{n}: {{match: {{path: /api/r{n}/**}}, service: s, policies: [{{api_key: {{}}}}]}}\n"
        for n in range(count)
    )


def test_thousands_of_routes_load_within_a_few_milliseconds_each_hundred() -> None:
    text = many(2000)
    began = time.process_time()
    loaded = load_text(text)
    assert len(loaded.resources.items) == 2001
    assert time.process_time() - began < 2  # 0.2 s on a 2 GHz core


def test_another_thread_gets_its_turns_while_it_loads() -> None:
    turns, done = 0, threading.Event()
    thread = threading.Thread(target=lambda: (load_text(many(1000)), done.set()))
    thread.start()
    while not done.wait(0.001):
        turns += 1
    thread.join()
    assert turns > 2


def test_the_environment_is_read_from_what_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SLUICEGATE_REGION_NAME", "elsewhere")
    assert load_text("routes: {}\n").settings.region.name == "local"


WORDS = st.sampled_from(["", "x", "0", "/**", "*", "${", "${env:ALICE}", "\n", "http://[", "{a}"])
ODD = st.one_of(WORDS, st.none(), st.booleans(), st.integers(), st.just([]), st.just({}))


@given(st.data())
def test_whatever_is_written_the_answer_is_a_configuration_or_faults(data: st.DataObject) -> None:
    whole = yaml.safe_load(PLAN_EXAMPLE)
    for _ in range(data.draw(st.integers(1, 3))):
        here = whole
        while True:
            key = data.draw(st.sampled_from(list(here) if isinstance(here, dict) else [0]))
            if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.booleans()):
                break
            here = here[key]
        here[key] = data.draw(ODD)
    for fault in faults_of(json.dumps(whole), ENVIRON):
        assert fault.message
        assert "alice-has-a-key" not in fault.message
