"""`sluicegate service`, `plan`, `team` and `route`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sluicegate.cli.exits import Exit
from sluicegate.store.contract import Author, Change
from support.command_line import Administered, administered

TARGET = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def declaring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    file = f"services: {{ours: {{targets: ['{TARGET}']}}}}\n"
    with administered(tmp_path_factory.mktemp("admin"), file) as served:
        yield served


def test_a_list_tells_what_matters_and_where_it_is_declared(declaring: Administered) -> None:
    declaring.lines("service", "set", "a", f"targets=[{{url: '{TARGET}', weight: 2}}]")
    head, first, second = declaring.lines("service", "list")
    assert head.split() == ["NAME", "TARGETS", "BALANCE", "SOURCE", "CHANGED_AT", "CHANGED_BY"]
    assert first.split()[:4] == ["a", TARGET, "-", "store"]
    assert second.split() == ["ours", TARGET, "-", "file", "-", "-"]


def test_routes_and_plans_have_their_columns(gateway: Administered, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        f"services: {{s: {{targets: ['{TARGET}']}}}}\n"
        "plans: {free: {policies: [{rate_limit: {allow: [10/minute], by: consumer}}]}}\n"
        "routes: {r: {match: {path: /r, methods: [GET]}, service: s, policies: [{priority: {}}]}}\n"
    )
    gateway.lines("apply", "-f", tmp_path, "--yes")
    assert gateway.lines("route", "list")[1].startswith(
        "r     methods=GET path=/r  s        priority"
    )
    assert gateway.lines("plan", "list")[1].startswith("free  rate_limit")


def test_one_is_shown_as_apply_takes_it(gateway: Administered) -> None:
    gateway.lines("team", "set", "shown:a", "description=x")
    *head, _, _, _ = lines = gateway.lines("team", "show", "shown:a")
    assert [line.partition(":")[0] for line in head] == [
        "# source", "# revision", "# changed at", "# changed by",
    ]  # fmt: skip
    assert yaml.safe_load("\n".join(lines)) == {"teams": {"shown:a": {"description": "x"}}}


def test_fields_are_set_and_taken_out(gateway: Administered) -> None:
    gateway.lines("service", "set", "f", f"targets=['{TARGET}']", "timeouts.connect=2s")
    gateway.lines("service", "set", "f", "timeouts.connect=", "timeouts.total=9s")
    spec = gateway.said("service", "show", "f")["spec"]
    assert spec == {"targets": [TARGET], "timeouts": {"total": "9s"}}


def test_providers_and_models_have_their_columns(gateway: Administered) -> None:
    url = "http://127.0.0.1:1/v1"
    gateway.lines("provider", "set", "own", "kind=openai_compatible", f"url={url}")
    deployment = "deployments=[{provider: own, model: 'openai/*'}, {provider: own}]"
    gateway.lines("model", "set", "gpt-*", deployment, "balance=least_busy")
    assert gateway.lines("provider", "list")[1].split()[:3] == ["own", "openai_compatible", url]
    assert gateway.lines("model", "list")[1].split()[:4] == [
        "gpt-*", "own/openai/*,", "own", "least_busy",
    ]  # fmt: skip
    shown = yaml.safe_load("\n".join(gateway.lines("model", "show", "gpt-*")))
    assert list(shown["models"]) == ["gpt-*"]
    assert gateway.run("provider", "delete", "own").exit_code == Exit.REFUSED
    gateway.lines("model", "delete", "gpt-*")
    gateway.lines("provider", "delete", "own")


def test_a_key_of_a_provider_is_kept_as_a_secret(gateway: Administered) -> None:
    plain = gateway.run("provider", "set", "openai", "kind=openai", "key=hunter2-hunter2")
    assert plain.exit_code == Exit.REFUSED
    assert "providers.openai.key" in plain.stderr
    assert "hunter2" not in plain.output
    gateway.run("secret", "set", "openai", stdin="hunter2-hunter2")
    gateway.lines("provider", "set", "openai", "kind=openai", "key=${secret:openai}")
    assert gateway.said("provider", "show", "openai")["spec"]["key"] == "${secret:openai}"
    assert "hunter2" not in gateway.run("export").output
    assert gateway.run("secret", "delete", "openai").exit_code == Exit.CONFLICT


def test_a_file_takes_the_place_of_the_whole(gateway: Administered, tmp_path: Path) -> None:
    gateway.lines("team", "set", "whole", "description=x")
    (tmp_path / "team.yml").write_text("{}\n")
    gateway.lines("team", "set", "whole", "--file", tmp_path / "team.yml")
    assert gateway.said("team", "show", "whole")["spec"] == {}
    result = gateway.run("team", "set", "whole", "-f", "-", stdin="description: y\n")
    assert result.exit_code == 0
    assert gateway.said("team", "show", "whole")["spec"] == {"description": "y"}


def test_what_is_to_be_set_is_named_once(gateway: Administered, tmp_path: Path) -> None:
    assert gateway.run("team", "set", "x").exit_code == Exit.USAGE
    assert gateway.run("team", "set", "x", "a=1", "-f", tmp_path).exit_code == Exit.USAGE


def test_a_field_that_is_none_is_refused_by_its_path(gateway: Administered) -> None:
    result = gateway.run("team", "set", "x", "colour=blue")
    assert result.exit_code == Exit.REFUSED
    assert "teams.x.colour" in result.stderr


def test_what_the_file_declares_is_not_changed(declaring: Administered) -> None:
    result = declaring.run("service", "set", "ours", "balance=peak_ewma")
    assert (result.exit_code, "change it there" in result.stderr) == (Exit.CONFLICT, True)
    assert declaring.run("service", "delete", "ours").exit_code == Exit.CONFLICT


def test_what_is_in_use_is_not_deleted(gateway: Administered) -> None:
    gateway.lines("team", "set", "used", "description=x")
    gateway.lines("consumer", "set", "user", "team=used")
    result = gateway.run("team", "delete", "used")
    assert result.exit_code == Exit.CONFLICT
    assert "user" in result.stderr


def test_deleting_a_consumer_asks_because_its_keys_are_gone_for_good(
    gateway: Administered,
) -> None:
    gateway.lines("consumer", "set", "leaving", "description=x")
    key = gateway.said("key", "create", "--consumer", "leaving")["name"]
    asked = gateway.run("consumer", "delete", "leaving")
    assert asked.exit_code == Exit.USAGE
    assert f"its keys are revoked for good: {key}" in asked.stderr
    assert gateway.said("consumer", "delete", "leaving", "--yes") == {
        "deleted": "leaving", "revoked": [key],
    }  # fmt: skip
    assert gateway.run("key", "show", key).exit_code == Exit.REFUSED


def test_a_list_goes_on_where_it_stopped(gateway: Administered) -> None:
    for name in ("page.1", "page.2", "page.3"):
        gateway.lines("team", "set", name, "description=x")
    listed = gateway.run("team", "list", "--prefix", "page.", "--limit", "2")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["NAME", "page.1", "page.2"]
    assert "`--after page.2`" in listed.stderr
    rest = gateway.said("team", "list", "--prefix", "page.", "--after", "page.2")
    assert ([item["name"] for item in rest["items"]], rest["next"]) == (["page.3"], None)


def test_whoever_was_faster_wins_and_the_other_is_told(gateway: Administered) -> None:
    gateway.lines("team", "set", "raced", "description=before")
    desk = gateway.asking.desk

    async def meanwhile() -> None:
        theirs = Change("team", "raced", b'{"description":"theirs"}')
        await desk.store.write([theirs], Author("bob", "10.0.0.1", "replace"))

    desk.before_write = meanwhile
    result = gateway.run("team", "set", "raced", "description=ours")
    assert result.exit_code == Exit.CONFLICT
    assert gateway.said("team", "show", "raced")["spec"] == {"description": "theirs"}
