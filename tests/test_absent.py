from __future__ import annotations

import subprocess
import sys

import pytest

from sluicegate.absent import absent


def test_a_module_is_absent_in_the_block_only_and_never_one_that_is_there() -> None:
    with absent("this"), pytest.raises(ModuleNotFoundError):
        __import__("this")
    assert "this" not in sys.modules
    with absent("pytest", "this"):
        assert __import__("pytest") is pytest
        with pytest.raises(ModuleNotFoundError):
            __import__("this")


@pytest.mark.parametrize(
    "module", ["cli.run", "cli.client", "process.loader", "process.worker", "process.management"]
)
def test_a_process_imports_nothing_that_it_has_no_use_for(module: str) -> None:
    told = f"import sys, sluicegate.{module}; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True).stdout
    idle = {b"rich", b"pygments", b"cryptography.x509", b"sqlite3", b"httpx._main"}
    assert not idle & {*modules.split()}


def test_the_management_api_is_built_without_what_others_in_its_environment_use() -> None:
    told = """
import sys
import sluicegate.logs
from sluicegate.admin import app
app._application(())
print(*sys.modules)
"""
    modules = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True).stdout
    assert not {b"pydantic", b"attr"} & {*modules.split()}
