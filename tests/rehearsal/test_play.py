"""Which scenarios are played, and what becomes of one that ends early."""

from __future__ import annotations

import pytest

from rehearsal.__main__ import main
from rehearsal.play import INSTALL, SETUPS, chosen


def test_without_words_everything_is_played_after_an_install() -> None:
    assert chosen([]) == [INSTALL, *SETUPS]


def test_words_choose_scenarios_by_parts_of_their_names() -> None:
    assert [each.name for each in chosen(["kill", "scraped"])] == [
        "install", "scraped", "pod kill", "valkey primary kill", "database kill",
    ]  # fmt: skip
    assert chosen(["install"]) == [INSTALL]


def test_a_word_that_no_scenario_has_is_refused_with_all_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["kill", "valky"]) == 2
    said = capsys.readouterr().err
    assert "no scenario is called 'valky'" in said
    assert all(each.name in said for each in SETUPS)
