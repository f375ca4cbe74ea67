"""The scenarios of `make chaos` in short: what is counted must hold, times are only printed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from chaos.scenarios import SETUPS, SHORT, Setup, play
from chaos.table import table
from support.effort import THOROUGH

IN_SHORT = [setup for setup in SETUPS if THOROUGH or not setup.check]


@pytest.mark.parametrize("setup", IN_SHORT, ids=lambda setup: setup.name)
def test_what_can_be_saved_is_saved_and_no_post_is_sent_twice(tmp_path: Path, setup: Setup) -> None:
    report = asyncio.run(play(setup, SHORT, tmp_path / "world"))
    sys.stdout.write(table([report], timed=SHORT.timed))
    assert report.ok
    assert not report.broken(timed=SHORT.timed)
