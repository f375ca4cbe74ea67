"""The example policies: each does what it says, and is found where a package names it."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sluicegate.model.units import convert
from sluicegate.policy import PolicyConfig
from sluicegate.snapshot.policies import PolicyCatalog
from support.exchanges import exchange, parts, run, target
from support.mock_clock import MockClock

FOLDER = Path(__file__).parents[2] / "examples" / "policies"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def policy(name: str, clock: MockClock | None = None, **config: Any) -> Any:
    module = load(name)
    return module.Policy(convert(config, module.Config), parts(clock or MockClock()))


def test_there_are_three_of_them() -> None:
    assert NAMES == ["maintenance", "mask_cards", "server_timing"]


def test_maintenance_answers_503_and_says_when_to_come_back() -> None:
    sent = run(policy("maintenance", retry_after=120), exchange())
    assert (sent.status, sent.header("retry-after")) == (503, "120")


def test_server_timing_says_how_long_it_took() -> None:
    clock = MockClock()
    asked = exchange(clock=clock)
    clock.advance(0.0123)
    sent = run(policy("server_timing", clock), asked, target(200, data=b"x"))
    assert (sent.header("server-timing"), sent.body) == ("total;dur=12.3", b"x")


def test_mask_cards_hides_all_but_the_last_digits_and_mends_the_length() -> None:
    policy_under_test = policy("mask_cards")
    sent = run(policy_under_test, exchange(), target(200, {}, b"card 4111111111111111, id 12345"))
    assert sent.body == b"card ************1111, id 12345"
    assert sent.length == len(sent.body)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_point_makes_it_a_policy_by_its_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as a package that was installed with pip: a folder on the path, and its metadata."""
    package = tmp_path / f"acme_{name}.py"
    package.write_text((FOLDER / f"{name}.py").read_text())
    metadata = tmp_path / f"acme_{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[sluicegate.policies]\n{name} = acme_{name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        catalog = PolicyCatalog()
        kind = catalog.find(name)
        assert name in catalog.names()
        assert kind.stage == load(name).STAGE
        assert issubclass(kind.config, PolicyConfig)
        assert kind.policy(convert({}, kind.config), parts(MockClock()))
    finally:
        sys.modules.pop(f"acme_{name}", None)


def test_the_gateways_own_policies_cannot_be_replaced_by_a_package() -> None:
    foreign = EntryPoint("api_key", "acme", "sluicegate.policies")
    kind = PolicyCatalog([foreign]).find("api_key")
    assert kind.policy.__module__ == "sluicegate.journey.authenticate.api_key"
