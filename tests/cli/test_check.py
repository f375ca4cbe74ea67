from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sluicegate.assemble import DataPlane
from sluicegate.cli import application
from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot.document import Resources

GOOD = "services: {a: {targets: ['http://127.0.0.1:1']}}\nroutes: {x: {match: {}, service: a}}\n"
BAD = "gateway: {listen: nowhere}\nroutes:\n  x: {match: {path: /x}, service: gone}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "application.yml"


def check(*arguments: object) -> Result:
    return CliRunner().invoke(application("check"), ["check", *map(str, arguments)])


def test_every_fault_is_printed_with_file_line_and_path(file: Path) -> None:
    file.write_text(BAD)
    result = check(file)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first == (
        f'{file}:1: gateway.listen: found "nowhere"; '
        "expected `host:port`, such as `0.0.0.0:8080` or `[::1]:8080`"
    )
    assert second == (
        f"{file}:3: routes.x.service: there is no service `gone`; expected a name under `services`"
    )


def test_a_right_configuration_is_summed_up(file: Path) -> None:
    file.write_text(GOOD)
    result = check(file)
    assert result.exit_code == 0
    counts = "1 route, 1 service, 0 plans, 0 consumers"
    assert result.stdout.startswith(f"{file}: no faults. {counts}; revision ")


def test_models_are_counted_where_there_are_any_and_their_keys_not_printed(file: Path) -> None:
    file.write_text(
        "providers: {p: {kind: openai, key: hunter2-hunter2}}\n"
        "models: {m: {deployments: [{provider: p}]}, n: {deployments: [{provider: p}]}}\n" + GOOD
    )
    printed = check(file).stdout
    assert "0 consumers, 1 provider, 2 models; revision" in printed
    file.write_text("providers: {p: {kind: hunter, key: hunter2-hunter2, region: 'A B'}}\n" + GOOD)
    assert "hunter2" not in check(file).output


def test_faults_can_be_had_as_json(file: Path) -> None:
    file.write_text(BAD)
    result = check(file, "--json")
    assert result.exit_code == 1
    faults = json.loads(result.stdout)["faults"]
    assert [(fault["path"], fault["line"]) for fault in faults] == [
        ("gateway.listen", 1),
        ("routes.x.service", 3),
    ]
    file.write_text(GOOD)
    assert json.loads(check(file, "--json").stdout)["faults"] == []


def test_a_missing_file_is_a_fault_and_a_missing_argument_is_misuse(file: Path) -> None:
    missing = check(file)
    assert missing.exit_code == 1
    assert missing.stdout == (f"{file}:0: (file): cannot read {file}: No such file or directory\n")
    assert check().exit_code == 2


def test_what_only_compiling_finds_has_its_line_too(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_self: DataPlane, _resources: Resources) -> None:
        raise ConfigError([Fault("routes.x.match", 0, "cannot be compiled")])

    file.write_text(GOOD)
    monkeypatch.setattr(DataPlane, "apply", refuse)
    result = check(file)
    assert result.exit_code == 1
    assert result.stdout == f"{file}:2: routes.x.match: cannot be compiled\n"


def test_the_environment_is_part_of_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(GOOD)
    monkeypatch.setenv("SLUICEGATE_GATEWAY_WORKERS", "none")
    assert check(file).stdout == (
        f'{file}:0: SLUICEGATE_GATEWAY_WORKERS: found "none"; expected `auto`\n'
    )
