"""`sluicegate key offline`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.cli import application
from sluicegate.snapshot.keys import digest

PEPPER = "p" * 32


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(application("key"), ["key", "offline", *arguments])
    return result.exit_code, result.output


def test_the_hash_is_that_of_the_key_under_the_pepper(tmp_path: Path) -> None:
    (tmp_path / "pepper").write_text(PEPPER + "\n")
    code, output = run("--pepper-file", str(tmp_path / "pepper"), "--pepper", "p1")
    assert code == 0
    found = re.fullmatch(r"key:  (sg_local_\w+)\nhash: p1:([0-9a-f]{64})\n", output)
    assert found is not None
    assert found[2] == digest(PEPPER.encode(), found[1].encode()).hex()


@pytest.mark.parametrize(("content", "said"), [("short", "at least 32"), (None, "cannot be read")])
def test_a_pepper_that_cannot_be_used_is_an_error(
    tmp_path: Path, content: str | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "pepper").write_text(content)
    code, output = run("--pepper-file", str(tmp_path / "pepper"))
    assert code == 1
    assert said in output
    assert "short" not in output
