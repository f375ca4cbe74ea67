"""The scripts as they are sent to a server."""

from __future__ import annotations

from importlib.resources import files

import pytest

from sluicegate.state.redis.scripts import ALGORITHMS, Script, script
from support.valkey import Valkey

FOLDER = files("sluicegate.state") / "scripts"
NAMES = [
    "take", "settle", "refresh", "lend", "give_back", "merge", "totals", "present", "keep",
    "publish", "append",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_of_a_script_is_the_one_that_a_server_finds(name: str, valkey: Valkey) -> None:
    found = script(name)
    with valkey.client() as client:
        assert client.script_load(found.source).encode() == found.sha
        assert client.script_exists(found.sha.decode()) == [True]


@pytest.mark.parametrize("name", NAMES)
def test_a_script_tells_its_wire_form(name: str) -> None:
    text = (FOLDER / f"{name}.lua").read_text("utf-8")
    assert "-- EVALSHA sha " in text
    assert "-- Reply: " in text


def test_a_script_is_the_same_every_time() -> None:
    assert script("take").sha == script("take").sha
    assert script("take").sha != script("settle").sha


def test_every_algorithm_has_a_lua_form_that_scripts_know() -> None:
    known = {path.name.removesuffix(".lua") for path in (FOLDER / "algorithms").iterdir()}
    assert known == set(ALGORITHMS)


def test_a_script_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.lua"):
        script("nothing")


def test_the_digest_is_sha1_in_hex() -> None:
    assert Script(b"return 1").sha == b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
