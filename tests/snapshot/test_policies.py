from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from sluicegate.errors import ConfigError
from sluicegate.journey import STAGES
from sluicegate.policy import PolicyConfig, ServiceName
from sluicegate.snapshot.policies import GROUP, PolicyCatalog


class Config(PolicyConfig, frozen=True, kw_only=True):
    word: str = "x"


class Policy:
    answers = True


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a third party's module, importable as `stranger_policy`."""
    module = ModuleType("stranger_policy", "`stranger`: is new here.")
    module.STAGE, module.Config, module.Policy = "shape", Config, Policy  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stranger_policy", module)
    return module


def catalog(name: str = "stranger") -> PolicyCatalog:
    return PolicyCatalog([EntryPoint(name, "stranger_policy", GROUP)])


def test_our_policies_are_found_by_file_name_in_the_order_of_the_stages() -> None:
    found = PolicyCatalog(())
    names = found.names()
    assert {"access_log", "api_key", "metrics", "rate_limit"} <= set(names)
    ranks = [STAGES.index(found.find(name).stage) for name in names]
    assert ranks == sorted(ranks)


def test_what_a_stage_is_made_of_is_no_policy() -> None:
    for name in ("host_path", "service", "algorithms", "nothing"):
        with pytest.raises(KeyError):
            PolicyCatalog(()).find(name)


def test_a_third_party_adds_a_policy_by_entry_point(stranger: ModuleType) -> None:
    kind = catalog().find("stranger")
    assert (kind.stage, kind.config, kind.policy) == ("shape", stranger.Config, stranger.Policy)
    assert kind.answers
    assert "stranger" in catalog().names()


def test_a_policy_says_by_its_settings_whether_it_answers_everything(stranger: ModuleType) -> None:
    class Sometimes:
        @staticmethod
        def answers(config: Config) -> bool:
            return config.word == "x"

    assert catalog().find("stranger").answers_all(Config())
    stranger.Policy = Sometimes  # type: ignore[attr-defined]
    kind = catalog().find("stranger")
    assert kind.answers
    assert [kind.answers_all(Config(word=word)) for word in "xy"] == [True, False]
    assert not catalog().find("cors").answers


def test_fields_that_name_services_are_known(stranger: ModuleType) -> None:
    class Named(PolicyConfig, frozen=True, kw_only=True):
        to: ServiceName
        note: str = ""

    assert catalog().find("stranger").services == ()
    stranger.Config = Named  # type: ignore[attr-defined]
    assert catalog().find("stranger").services == ("to",)


@pytest.mark.usefixtures("stranger")
def test_a_third_party_cannot_replace_a_policy_of_ours() -> None:
    assert catalog("api_key").find("api_key").config is not Config


def test_a_third_party_with_an_unknown_stage_is_a_fault(stranger: ModuleType) -> None:
    stranger.STAGE = "late"  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="STAGE is 'late'; expected one of record, route"):
        catalog().find("stranger")
    assert "stranger" not in catalog().names()


def test_a_third_party_that_cannot_be_imported_is_a_fault() -> None:
    points = [EntryPoint("absent", "no.such.module", GROUP)]
    with pytest.raises(ConfigError, match=r"`absent` \(no.such.module\) cannot be loaded"):
        PolicyCatalog(points).find("absent")


def test_settings_that_are_no_policy_config_are_a_fault(stranger: ModuleType) -> None:
    stranger.Config = dict  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="Config is not a PolicyConfig"):
        catalog().find("stranger")
