"""The scenarios of `make truth` in short: bounds and floors must hold, times are only printed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from support.effort import THOROUGH
from truth.scenarios import SETUPS, SHORT, Setup, play
from truth.table import table

QUICK = {"no trouble", "black hole", "FLUSHALL"}
IN_SHORT = [setup for setup in SETUPS if THOROUGH or setup.name in QUICK]


@pytest.mark.parametrize("setup", IN_SHORT, ids=lambda setup: setup.name)
def test_no_more_is_let_through_than_the_bound_and_no_less_than_the_floor(
    tmp_path: Path, setup: Setup
) -> None:
    report = asyncio.run(play(setup, SHORT, tmp_path / "world"))
    sys.stdout.write(table([report], timed=SHORT.timed))
    assert report.rows
    assert not report.broken(timed=SHORT.timed)
