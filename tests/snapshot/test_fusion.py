"""A file and what is stored, together. `STORED` is a whole configuration that fits."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.errors import Fault
from sluicegate.settings import Settings, Tracing
from sluicegate.snapshot.document import Resources, decode
from sluicegate.snapshot.fusion import Fused, Fusion
from sluicegate.snapshot.pieces import PieceMaker
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.snapshot.stored import canonical, item_of
from support.configuration import load_text
from support.effort import EXAMPLES

Stored = dict[tuple[Any, str], Any]

FILE = """\
services: {web: {targets: ['http://w:1', {url: 'http://w:2', labels: {tier: new}}]}}
plans: {free: {policies: [{rate_limit: {allow: [10/second], name: api}}]}}
teams: {blue: {plan: free}}
consumers: {ann: {team: blue, limits: {api: [20/second]}}}
routes: {web: {match: {path: '/web/**'}, service: web}}
"""
STORED: Stored = {
    ("service", "users"): {"targets": ["http://u:1"]},
    ("plan", "pro"): {"policies": [{"rate_limit": {"allow": ["99/second"], "name": "calls"}}]},
    ("team", "red"): {"plan": "pro"},
    ("policies", ""): [{"metrics": {}}],
    ("route", "users"): {"match": {"path": "/users/**"}, "service": "users"},
    ("route", "old"): {"match": {"path": "/old"}, "policies": [{"redirect": {"path": "/web"}}]},
    ("provider", "own"): {"kind": "openai_compatible", "url": "http://own:1/v1"},
    ("model", "gpt"): {
        "deployments": [{"provider": "own", "dialect": "openai_chat"}],
        "fallbacks": [{"model": "claude"}],
    },
    ("model", "claude"): {
        "deployments": [{"provider": "own"}],
        "fallbacks": [{"model": "gpt"}],
    },
    ("route", "ai"): {
        "match": {"path": "/v1/**"},
        "ai": {"models": ["gpt", "claude"], "proxy": ["own"]},
    },
}
ALL = set(STORED)


def resources(text: str = FILE) -> Resources:
    return load_text(text).resources


@pytest.fixture
def fusing() -> Fusion:
    return Fusion(PolicyCatalog(()))


def find(name: str) -> str:
    return {"token": "hunter2-hunter2", "port": "81"}[name]


def fuse(fusing: Fusion, stored: Stored, file: str = FILE) -> Fused:
    contents = {item: canonical(value) for item, value in stored.items()}
    return fusing.fuse(resources(file), contents, find)


def messages(fused: Fused) -> dict[str, str]:
    assert {item_of(fault.path) for fault in fused.faults} == fused.left_out
    assert not any(fault.line for fault in fused.faults)
    return {fault.path: fault.message for fault in fused.faults}


def test_what_fits_runs_beside_the_file_as_the_file_would_declare_it(fusing: Fusion) -> None:
    file = resources()
    fused = fuse(fusing, STORED)
    assert messages(fused) == {}
    assert fused.resources.items.keys() == file.items.keys() | ALL
    declared = {"services": {"users": STORED["service", "users"]}}
    declared["providers"] = {"own": STORED["provider", "own"]}
    for section, kind in (("models", "model"), ("routes", "route")):
        declared[section] = {name: spec for (of, name), spec in STORED.items() if of == kind}
    same = load_text(json.dumps(declared)).resources
    assert same.items.items() <= fused.resources.items.items()


def test_with_nothing_stored_the_file_runs_under_its_own_revision(fusing: Fusion) -> None:
    file = resources()
    assert fusing.fuse(file, {}, find).resources is file


def test_the_file_wins_over_what_is_stored_under_the_same_name(fusing: Fusion) -> None:
    fused = fuse(fusing, {("service", "web"): {"targets": ["http://other:1"]}})
    assert fused.resources == resources()
    assert fused.shadowed == {("service", "web")}
    assert not fused.left_out


def test_a_stored_list_for_every_route_holds_where_the_file_writes_none(fusing: Fusion) -> None:
    stored: Stored = {("policies", ""): [{"access_log": {}}]}
    assert ("policies", "") in fuse(fusing, stored).resources.items
    fused = fuse(fusing, stored, FILE + "policies: [{metrics: {}}]\n")
    assert [*decode("policies", fused.resources.items["policies", ""])[0]] == ["metrics"]
    assert fused.shadowed == {("policies", "")}


def test_kinds_that_no_snapshot_holds_are_passed_over(fusing: Fusion) -> None:
    stored: Stored = {("secret", "a"): {}, ("consumer", "a"): {}, ("key", "a"): {}}
    stored["policies", "more"] = [{"metrics": {}}]
    assert fuse(fusing, stored).resources == resources()


@pytest.mark.parametrize(
    ("kind", "name", "spec", "path", "words"),
    [
        ("service", "s", {"targets": []}, "services.s.targets", "expected at least 1 item"),
        ("service", "s", {"targets": ["http://a:0"]}, "services.s.targets[0]", "found port 0"),
        ("service", "a b", {"targets": ["http://a:1"]}, 'services["a b"]', "found"),
        ("plan", "p", {"polices": []}, "plans.p.polices", "did you mean `policies`?"),
        (
            "plan",
            "p",
            {"policies": [{"cors": {"origins": ["*"]}}]},
            "plans.p.policies[0].cors",
            "stage `screen`",
        ),
        ("team", "t", {"plan": "gone"}, "teams.t.plan", "there is no plan `gone`"),
        ("provider", "p", {"kind": "gone"}, "providers.p.kind", "there is no kind of provider"),
        ("provider", "p", {"kind": "openai"}, "providers.p.key", "needs it"),
        (
            "provider",
            "p",
            {"kind": "openai", "key": "sk-plain"},
            "providers.p.key",
            "write `${secret:NAME}`",
        ),
        (
            "model",
            "m",
            {"deployments": [{"provider": "gone"}]},
            "models.m.deployments[0].provider",
            "there is no provider `gone`; expected a name under `providers`",
        ),
        (
            "model",
            "m",
            {"deployments": [{"provider": "own", "dialect": "gemini_generate"}]},
            "models.m.deployments[0].dialect",
            "`own` does not speak `gemini_generate`",
        ),
        (
            "route",
            "r",
            {"match": {}, "ai": {"models": ["gone"]}},
            "routes.r.ai.models[0]",
            "there is no model `gone`",
        ),
        ("route", "r", {"match": {}, "ai": {}, "service": "web"}, "routes.r.ai", "found a service"),
        ("policies", "", [{"corse": {}}], "policies[0].corse", "did you mean `cors`?"),
        (
            "policies",
            "",
            [{"mirror": {"service": "x"}}],
            "policies[0].mirror.service",
            "no service",
        ),
        ("policies", "", [{"traces": {}}], "policies[0].traces", "nowhere to go"),
        ("policies", "", {}, "policies", "expected a list"),
        ("route", "r", {"match": {"path": "/a*"}}, "routes.r.match.path", '"/a*": '),
        ("route", "r", {"match": {"path": "/a"}}, "routes.r", "nothing answers"),
        ("route", "r", {"match": {}, "service": "gone"}, "routes.r.service", "no service `gone`"),
        (
            "route",
            "r",
            {"match": {}, "service": [{"service": "web", "weight": 1, "labels": {"tier": "x"}}]},
            "routes.r.service[0].labels",
            "no target of `web` has these labels",
        ),
        (
            "route",
            "r",
            {"match": {"path": "/web/**"}, "service": "web"},
            "routes.r.match",
            "takes the same requests as `routes.web`",
        ),
        (
            "route",
            "r",
            {
                "match": {},
                "service": "web",
                "policies": [{"rate_limit": {"allow": ["1/second", "9/day"], "name": "api"}}],
            },
            "routes.r.policies[0].rate_limit",
            "`ann` has limits of its own for it: found 1; expected one for each",
        ),
    ],
)
def test_what_does_not_fit_is_left_out_and_the_rest_runs(
    fusing: Fusion, kind: str, name: str, spec: Any, path: str, words: str
) -> None:
    stored = {**STORED, (kind, name): spec}
    fused = fuse(fusing, stored)
    found = messages(fused)
    assert list(found) == [path]
    assert words in found[path]
    assert fused.resources.items.keys() == resources().items.keys() | (ALL - {(kind, name)})


def test_what_names_something_that_is_left_out_is_left_out_too(fusing: Fusion) -> None:
    stored = {**STORED, ("service", "users"): {}, ("plan", "pro"): {"policies": 3}}
    fused = fuse(fusing, stored)
    assert fused.left_out == {
        ("service", "users"), ("plan", "pro"), ("team", "red"), ("route", "users")
    }  # fmt: skip


def test_a_provider_that_goes_takes_its_models_with_it_and_the_routes_that_name_them(
    fusing: Fusion,
) -> None:
    stored = {**STORED, ("provider", "own"): {"kind": "gone"}}
    assert fuse(fusing, stored).left_out == {
        ("provider", "own"), ("model", "gpt"), ("model", "claude"), ("route", "ai")
    }  # fmt: skip


def falling_back(*pairs: tuple[str, str]) -> Stored:
    """Return a stored model of each first name that falls back to the second, empty for none."""
    return {
        ("model", name): {
            "deployments": [{"provider": "own"}],
            "fallbacks": [{"model": to}] if to else [],
        }
        for name, to in pairs
    }


def test_models_fall_back_to_each_other_and_to_those_of_the_file(fusing: Fusion) -> None:
    own = "providers: {own: {kind: openai_compatible, url: 'http://own:1/v1'}}\n"
    own += "models: {filed: {deployments: [{provider: own}]}}\n"
    together = falling_back(("a", "b"), ("b", "c"), ("c", "a"), ("d", "filed"))
    fused = fuse(fusing, together, own)
    assert messages(fused) == {}
    assert together.keys() <= fused.resources.items.keys()


def test_of_models_that_fall_back_to_each_other_as_many_stay_as_can(fusing: Fusion) -> None:
    stored = {("provider", "own"): STORED["provider", "own"]}
    stored |= falling_back(("a", "b"), ("b", "c"), ("c", "gone"), ("d", "e"), ("e", "d"), ("f", ""))
    fused = fuse(fusing, stored)
    assert messages(fused) == {
        f"models.{name}.fallbacks[0].model": f"there is no model `{to}`; expected a name under "
        "`models`"
        for name, to in (("a", "b"), ("b", "c"), ("c", "gone"))
    }
    assert {name for kind, name in fused.resources.items if kind == "model"} == {"d", "e", "f"}


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdefg"), min_size=1))
@settings(max_examples=EXAMPLES // 5)
def test_a_model_is_left_out_exactly_where_its_fallbacks_lead_to_nowhere(
    fallbacks: dict[str, str],
) -> None:
    chains = {name: to for name, to in fallbacks.items() if name != to}
    stored: Stored = {("provider", "own"): STORED["provider", "own"]}
    stored |= falling_back(*chains.items())
    left = {name for kind, name in fuse(Fusion(PolicyCatalog(())), stored).left_out}

    def leads_nowhere(name: str) -> bool:
        for _ in range(len(chains) + 1):
            name = chains.get(name, "")
        return not name

    assert left == {name for name in chains if leads_nowhere(name)}


def test_a_route_may_rely_on_a_stored_list_that_answers(fusing: Fusion) -> None:
    stored: Stored = {
        ("policies", ""): [{"maintenance": {}}],
        ("route", "r"): {"match": {"path": "/r"}},
    }
    assert messages(fuse(fusing, stored)) == {}
    del stored["policies", ""]
    assert list(messages(fuse(fusing, stored))) == ["routes.r"]


def test_of_two_routes_that_take_the_same_requests_the_first_by_name_stays(fusing: Fusion) -> None:
    twin = {"match": {"path": "/twin"}, "service": "web"}
    stored: Stored = {("route", "b"): twin, ("route", "a"): twin}
    assert messages(fuse(fusing, stored)) == {
        "routes.b.match": "takes the same requests as `routes.a`; expected a difference"
    }
    stored["route", "a"] = {**twin, "service": "gone"}
    assert list(messages(fuse(fusing, stored))) == ["routes.a.service"]


@given(st.randoms(use_true_random=False))
@settings(max_examples=EXAMPLES // 5)
def test_the_order_of_arrival_changes_nothing(chance: random.Random) -> None:
    more: Stored = {
        ("route", "twin"): STORED["route", "users"],
        ("route", "lost"): {"match": {"path": "/lost"}, "service": "gone"},
    }
    fusing = Fusion(PolicyCatalog(()))
    first = fuse(fusing, STORED | more)
    shuffled = list((STORED | more).items())
    chance.shuffle(shuffled)
    # What went before changes nothing either, though it is remembered.
    fuse(fusing, dict(shuffled[: len(shuffled) // 2]))
    for again in (fusing, Fusion(PolicyCatalog(()))):
        fused = fuse(again, dict(shuffled))
        assert fused.resources == first.resources
        assert fused.faults == first.faults


def test_what_is_unchanged_is_not_converted_again(
    fusing: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fuse(fusing, STORED)
    made: list[str] = []
    make = PieceMaker.make

    def noting(self: Any, kind: Any, name: str, *rest: Any) -> Any:
        made.append(name)
        return make(self, kind, name, *rest)

    monkeypatch.setattr(PieceMaker, "make", noting)
    after = fuse(fusing, {**STORED, ("service", "users"): {"targets": ["http://u:2"]}})
    assert made == ["users"]
    changed = {k for k, raw in after.resources.items.items() if before.resources.items[k] != raw}
    assert changed == {("service", "users")}


def test_a_secret_is_resolved_and_a_changed_one_changes_what_names_it(fusing: Fusion) -> None:
    spec = {"targets": ["http://u:${secret:port}"]}
    contents: Stored = {("service", "users"): canonical(spec)}
    secrets: dict[str, str] = {}
    for port in ("81", "82"):
        fused = fusing.fuse(resources(), contents, {"port": port}.__getitem__)
        (target,) = decode("service", fused.resources.items["service", "users"]).targets
        assert target.url == f"http://u:{port}"
    gone = fusing.fuse(resources(), contents, secrets.__getitem__)
    assert messages(gone) == {
        "services.users.targets[0]": "`${secret:port}`: there is no secret of this name"
    }


def test_a_secret_is_never_in_a_fault(fusing: Fusion) -> None:
    text = "${secret:token}"
    stored: Stored = {
        ("service", "s"): {"targets": [text], "balance": text, "tls": {"ca": text}},
        ("route", "a"): {"match": {"path": text, "host": text + ":1"}, "service": "web"},
        ("route", "b"): {"match": {}, "service": text},
        ("plan", "p"): {"policies": [{"rate_limit": {"allow": [text], "by": text}}]},
        ("provider", "k"): {"kind": text, "key": text, "region": text, "dialects": [text]},
        ("provider", "o"): {"kind": "openai", "key": text, "url": text, "headers": {text: text}},
        ("model", "m"): {"deployments": [{"provider": text, "name": text, "allow": [text]}]},
    }
    fused = fuse(fusing, stored)
    assert fused.left_out == stored.keys()
    assert [fault for fault in fused.faults if "hunter2" in fault.message + fault.path] == []


def test_what_is_found_wrong_later_can_be_shown_without_the_secret(fusing: Fusion) -> None:
    value = {"match": {"path": "/a", "headers": {"x": "${secret:token}"}}, "service": "web"}
    fused = fuse(fusing, {("route", "a"): value})
    assert messages(fused) == {}
    late = Fault("routes.a.match", 0, "hunter2-hunter2 is no good")
    assert fused.hide(late).message == "${secret:token} is no good"
    assert "hunter2" not in repr(fused)
    other = Fault("gateway", 0, "no")
    assert fused.hide(other) == other


def test_what_the_replica_can_do_decides_too() -> None:
    tracing = Settings(tracing=Tracing(endpoint="http://127.0.0.1:4318"))
    fused = fuse(Fusion(PolicyCatalog(()), tracing), {("policies", ""): [{"traces": {}}]})
    assert messages(fused) == {}


def test_what_is_stored_but_is_no_json_is_left_out(fusing: Fusion) -> None:
    fused = fusing.fuse(resources(), {("team", "t"): b"{"}, find)
    assert messages(fused)["teams.t"].startswith("what is stored is not valid JSON: ")


@pytest.mark.parametrize(
    ("kind", "spec", "path"),
    [
        ("service", {"targets": ["ftp://a"]}, "targets[0]"),
        ("service", {"targets": ["http://a:1"], "tls": {"ca": "ca.pem"}}, "tls.ca"),
        ("route", b'{"match": {}, "match": {}}', "match"),
        ("route", {"match": {}, "polices": []}, "polices"),
        ("route", {"match": {}, "policies": [{"cors": {"origin": 1}}]}, "policies[0].cors.origin"),
        ("policies", [{"metrics": 3}], "policies[0].metrics"),
        ("team", {"plan": "${env:HOME}"}, "plan"),
        ("provider", {"kind": "openai", "key": "sk-plain"}, "key"),
        ("provider", {"kind": "openai", "key": "${env:HOME}"}, "key"),
        ("model", {"deployments": []}, "deployments"),
        ("team", {"plan": float("nan")}, "plan"),
        ("consumer", {"keys": [{}]}, "keys"),
        ("key", {"plan": "free"}, ""),
    ],
)
def test_what_is_wrong_with_a_resource_by_itself_has_a_path(
    fusing: Fusion, kind: Any, spec: Any, path: str
) -> None:
    found = fusing.parse_spec(kind, spec)
    assert isinstance(found, list)
    assert found[0].path == path
    named = fusing.parse_spec(kind, spec, "" if kind == "policies" else "it")
    assert isinstance(named, list)
    assert [fault.message for fault in named] == [fault.message for fault in found]
    assert named[0].path.endswith(path)
    assert item_of(named[0].path) is not None or kind == "key"


def test_a_resource_is_kept_as_it_was_written(fusing: Fusion) -> None:
    raw = b' {"service": "gone", "match": {"path": "/\xc3\xa4"}, "policies": [{"api_key": {}}]} '
    assert fusing.parse_spec("route", raw, "r") == (
        b'{"match":{"path":"/\xc3\xa4"},"policies":[{"api_key":{}}],"service":"gone"}'
    )


def test_what_depends_on_a_secret_is_not_looked_at_yet(fusing: Fusion) -> None:
    spec = {"targets": ["${secret:url}"], "slow_start": "${secret:time}", "balance": "least"}
    found = fusing.parse_spec("service", spec, "s")
    assert isinstance(found, list)
    assert [fault.path for fault in found] == ["services.s.balance"]


CONSUMER = {"plan": "pro", "limits": {"calls": ["1/second"]}}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (CONSUMER, None),
        ({"team": "blue", "limits": {"api": ["1/second"]}}, None),
        ({**CONSUMER, "plan": "gone"}, "consumers.c.plan"),
        ({**CONSUMER, "plan": "free"}, "consumers.c.limits.calls"),
        ({**CONSUMER, "team": "gone"}, "consumers.c.team"),
        ({"limits": {"calls": ["1/second"]}}, "consumers.c.limits.calls"),
        ({"limits": {}, "color": 1}, "consumers.c.color"),
    ],
)
def test_a_consumer_is_looked_at_beside_the_configuration(
    fusing: Fusion, spec: Any, path: str | None
) -> None:
    found = fusing.check_consumer(fuse(fusing, STORED), "c", spec)
    assert [fault.path for fault in found][:1] == ([] if path is None else [path])


def test_so_are_keys_and_teams(fusing: Fusion) -> None:
    fused = fuse(fusing, STORED)
    key = {"consumer": "ann", "plan": "pro"}
    assert fusing.check_key(fused, key) == []
    (fault,) = fusing.check_key(fused, {**key, "plan": "gone"}, "sg_local_12345678")
    assert fault.path == "keys.sg_local_12345678.plan"
    assert [f.path for f in fusing.check_key(fused, {"plan": "pro"}, "k")] == ["keys.k"]
    assert fusing.check_team(fused, "t", {"plan": "pro"}) == []
    assert [f.path for f in fusing.check_team(fused, "t", {"plan": "gone"})] == ["teams.t.plan"]
    assert [f.path for f in fusing.check_team(fused, "t", {"plans": "pro"})] == ["teams.t.plans"]
