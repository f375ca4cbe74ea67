from __future__ import annotations

import pytest

from sluicegate.errors import ConfigError, Fault
from sluicegate.policy import Policy, PolicyConfig
from sluicegate.snapshot.document import encode
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.policies import PolicyCatalog, PolicyKind
from sluicegate.snapshot.source import read
from sluicegate.snapshot.uses import Uses

LIMIT = {"rate_limit": {"allow": ["1/second"]}}


@pytest.fixture
def draft() -> Draft:
    return Draft(read(b""))


@pytest.fixture
def uses(draft: Draft) -> Uses:
    return Uses(draft, PolicyCatalog(()))


def test_settings_are_given_back_with_their_defaults(uses: Uses, draft: Draft) -> None:
    (made,) = uses.in_route(("p",), [LIMIT])
    settings = made["rate_limit"]
    assert isinstance(settings, dict)
    assert {name: settings[name] for name in ("allow", "by", "name", "unit", "shadow")} == {
        "allow": ["1/second"],
        "by": "consumer",
        "name": "",
        "unit": "requests",
        "shadow": False,
    }
    assert draft.faults == []


class Colours(PolicyConfig, frozen=True, kw_only=True):
    names: frozenset[str] = frozenset()
    dark: bool = False


class Paint(PolicyCatalog):
    def find(self, name: str) -> PolicyKind:
        return PolicyKind(name, "shape", Colours, Policy, "", answers=False)


def test_equal_settings_are_equal_bytes_however_they_are_written(draft: Draft) -> None:
    uses = Uses(draft, Paint(()))
    words = [f"colour-{n}" for n in range(20)]
    one = uses.in_route((), [{"paint": {"names": words}}])
    other = uses.in_route((), [{"paint": {"dark": False, "names": words[::-1]}}])
    assert encode(one) == encode(other)
    assert one[0]["paint"]["names"] == sorted(words)


def test_what_was_seen_holds_the_settings_and_whether_anything_gets_past(uses: Uses) -> None:
    uses.in_route((), [{"maintenance": {}}, {"maintenance": {"except": ["::1"]}}, {"cors": {}}])
    assert [use.answers for use in uses.seen] == [True, False, False]
    assert [use.settings.get("except") for use in uses.seen] == [[], ["::1"], None]


def test_an_unknown_policy_is_met_with_what_it_may_have_been(uses: Uses, draft: Draft) -> None:
    assert uses.in_route(("p",), [{"rate_limits": {}}, {"zzzzzz": {}}]) == []
    assert draft.faults[0].message == "there is no policy `rate_limits`; did you mean `rate_limit`?"
    assert draft.faults[1].message.startswith("there is no policy `zzzzzz`; expected one of ")


def test_wrong_settings_are_explained_in_place(uses: Uses, draft: Draft) -> None:
    uses.in_route(("routes", "a", "policies"), [{"rate_limit": {"alow": []}}])
    assert [(fault.path, fault.message) for fault in draft.faults] == [
        (
            "routes.a.policies[0].rate_limit.alow",
            "`alow` is not a field here; did you mean `allow`?",
        ),
        ("routes.a.policies[0].rate_limit", "`allow` is missing; expected a list"),
    ]


def test_a_plan_holds_policies_from_authorize_on(uses: Uses, draft: Draft) -> None:
    uses.in_plan(("p",), [LIMIT])
    assert draft.faults == []
    uses.in_plan(("p",), [{"api_key": {}}])
    assert draft.faults[0].message.startswith("`api_key` belongs to the stage `authenticate`: a pl")


def test_record_policies_stand_at_the_top_only(uses: Uses, draft: Draft) -> None:
    uses.everywhere(("policies",), [{"metrics": {}}, {"api_key": {}}, LIMIT])
    assert draft.faults == []
    uses.in_route(("p",), [{"metrics": {}}])
    assert draft.faults[0].message == (
        "`metrics` belongs to the stage `record`: "
        "it sees requests of every route, so it stands in `policies` at the top"
    )


def test_what_is_no_use_of_a_policy_is_passed_over(uses: Uses, draft: Draft) -> None:
    for given in (None, "metrics", {"metrics": {}}, [1, {}, {"a": 1, "b": 2}]):
        assert uses.everywhere((), given) == []
    assert draft.faults == []


def test_every_use_is_remembered_with_its_place(uses: Uses) -> None:
    uses.in_route(("routes", "a", "policies"), [{"api_key": {}}, LIMIT])
    assert [(use.place[-1], use.kind.stage) for use in uses.seen] == [
        ("api_key", "authenticate"),
        ("rate_limit", "limit"),
    ]


class Broken(PolicyCatalog):
    def find(self, name: str) -> PolicyKind:
        raise ConfigError([Fault("", 0, f"{name} cannot be loaded")])


def test_a_broken_third_party_is_a_fault_where_it_is_used(draft: Draft) -> None:
    Uses(draft, Broken(())).in_route(("p",), [{"theirs": {}}])
    assert draft.faults == [Fault("p[0].theirs", 1, "theirs cannot be loaded")]
