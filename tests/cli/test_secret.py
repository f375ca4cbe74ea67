"""`sluicegate secret`."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.cli import secret
from sluicegate.cli.exits import Exit
from support.command_line import Administered

TARGET = "http://127.0.0.1:1"


def test_a_secret_is_set_from_standard_input_and_never_shown(gateway: Administered) -> None:
    result = gateway.run("secret", "set", "a", stdin="open sesame\n")
    assert result.exit_code == 0, result.output
    told = result.output + "".join(gateway.lines("secret", "list"))
    told += gateway.run("history", "secret", "a", "--full").output
    assert "sesame" not in told
    assert gateway.names("secret") == ["a"]


def test_a_secret_is_set_from_a_file(gateway: Administered, tmp_path: Path) -> None:
    (tmp_path / "value").write_text("from a file\r\n")
    gateway.lines("secret", "set", "f", "--file", tmp_path / "value")
    assert "f" in gateway.names("secret")
    result = gateway.run("secret", "set", "f", "--file", tmp_path / "gone")
    assert result.exit_code == Exit.REFUSED


def test_at_a_terminal_it_is_typed_unseen(
    gateway: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def typed(text: str, **options: object) -> str:
        asked.append((text, options))
        return "typed secret"

    class Terminal:
        class stdin:  # noqa: N801 - the name it has in `sys`
            @staticmethod
            def isatty() -> bool:
                return True

    monkeypatch.setattr(secret, "sys", Terminal)
    monkeypatch.setattr(secret.typer, "prompt", typed)
    gateway.lines("secret", "set", "typed")
    assert asked == [("Secret", {"hide_input": True, "err": True})]
    assert "typed" in gateway.names("secret")


@pytest.mark.parametrize(
    ("given", "status"), [(b"", Exit.USAGE), (b"\n", Exit.USAGE), (b"\xff\xfe", Exit.REFUSED)]
)
def test_what_is_no_text_is_refused(gateway: Administered, given: bytes, status: Exit) -> None:
    assert gateway.run("secret", "set", "none", stdin=given).exit_code == status


def test_a_secret_in_use_is_not_deleted(gateway: Administered) -> None:
    gateway.run("secret", "set", "used", stdin="a secret header")
    header = "policies=[{headers: {request: {set: {x-a: '${secret:used}'}}}}]"
    gateway.lines("service", "set", "s", f"targets=['{TARGET}']")
    gateway.lines("route", "set", "r", "match.path=/r", "service=s", header)
    result = gateway.run("secret", "delete", "used")
    assert result.exit_code == Exit.CONFLICT
    gateway.lines("route", "delete", "r")
    assert gateway.said("secret", "delete", "used") == {"deleted": "used"}


def test_all_are_encrypted_anew(gateway: Administered) -> None:
    gateway.run("secret", "set", "again", stdin="once more")
    assert gateway.said("secret", "rotate")["sealed"] == len(gateway.names("secret"))
