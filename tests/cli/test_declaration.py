"""What `apply` reads and `export` writes."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.cli.declaration import STDIN, Declaration, declared, declared_spec, written
from sluicegate.cli.exits import CommandFailed, Exit

SERVICES = "services:\n  a:\n    targets: [http://127.0.0.1:1]\n"
ROUTES = "routes:\n  x: {match: {path: /x}, service: a}\npolicies: [{metrics: {}}]\n"


def faults(*paths: Path) -> tuple[str, ...]:
    with pytest.raises(CommandFailed) as caught:
        declared(paths)
    assert caught.value.status is Exit.REFUSED
    return caught.value.lines


def test_files_and_folders_make_one_declaration(tmp_path: Path) -> None:
    (tmp_path / "teams" / "blue").mkdir(parents=True)
    (tmp_path / "teams" / ".git").mkdir()
    (tmp_path / "a.yml").write_text(SERVICES)
    (tmp_path / "teams" / "blue" / "routes.yaml").write_text(ROUTES)
    (tmp_path / "teams" / "notes.txt").write_text("no YAML: [")
    (tmp_path / "teams" / ".git" / "x.yml").write_text("no YAML: [")
    found = declared([tmp_path / "a.yml", tmp_path / "teams"])
    assert found.resources == {
        "services": {"a": {"targets": ["http://127.0.0.1:1"]}},
        "routes": {"x": {"match": {"path": "/x"}, "service": "a"}},
        "policies": [{"metrics": {}}],
    }


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given = SimpleNamespace(buffer=io.BytesIO(SERVICES.encode()))
    monkeypatch.setattr("sluicegate.cli.declaration.sys.stdin", given)
    found = declared([STDIN])
    assert list(found.resources) == ["services"]
    assert found.locate("services.a.targets") == "(stdin):3: services.a.targets"


def test_a_section_with_nothing_in_it_is_declared_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("routes: {}\nplans:\n")
    assert declared([tmp_path]).resources == {"routes": {}}


def test_settings_are_refused_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("gateway: {listen: '127.0.0.1:1'}\npeppers: {}\nroute: {}\n")
    first, second, third = faults(file)
    assert first.startswith(f"{file}:1: gateway: it is a setting, which a gateway reads")
    assert second.startswith(f"{file}:2: peppers: it is a setting")
    assert third == f"{file}:3: route: `route` cannot be applied; did you mean `routes`?"


def test_what_is_declared_twice_is_a_fault_that_names_both_places(tmp_path: Path) -> None:
    one, two = tmp_path / "1.yml", tmp_path / "2.yml"
    one.write_text(SERVICES + "policies: []\n")
    two.write_text("\n" + SERVICES + "policies: []\n")
    assert faults(one, two) == (
        f"{two}:3: services.a: it is declared twice, first at {one}:2",
        f"{two}:5: policies: it is declared twice, first at {one}:4",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("routes: ]", "not valid YAML"),
        ("[]", "expected a mapping with sections"),
        ("routes: []", "expected a mapping by name"),
        ("routes: {a: {}, a: {}}", "is here twice"),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yml").write_text(text)
    (line,) = faults(tmp_path)
    assert line.startswith(f"{tmp_path / 'a.yml'}:1: ")
    assert said in line


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"gone\.yml: cannot be read: No such file"):
        declared([tmp_path / "gone.yml"])


def test_a_fault_of_the_gateways_has_the_place_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(ROUTES)
    found = declared([file])
    assert found.locate("routes.x.match.path") == f"{file}:2: routes.x.match.path"
    assert found.locate("policies[0].metrics") == f"{file}:3: policies[0].metrics"
    assert found.locate("services.other") == "services.other"
    assert found.locate("") == "(all)"


def test_one_spec_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("plan: free\n")
    assert declared_spec(tmp_path / "a.yml") == {"plan": "free"}
    (tmp_path / "a.yml").write_text("plan: [")
    with pytest.raises(CommandFailed):
        declared_spec(tmp_path / "a.yml")


TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    [
        "1e5",
        "yes",
        "0x1f",
        "~",
        "",
        "2026-01-31",
        "1_000",
        "- a",
        "${secret:a}",
        "a: b",
        "a\nb ",
        "\x85",
        "a\u2028b",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        TEXT.filter(lambda key: key != "<<"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["a", "1e5", "on", "x/y", "a b"]), JSON, max_size=3))
def test_what_is_written_is_read_back_the_same(routes: dict[str, Any]) -> None:
    found = Declaration()
    found.add(STDIN, written({"routes": routes}).encode())
    found.finish()
    assert found.resources["routes"] == routes
