from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.cli.declared import families
from sluicegate.metrics import Metrics


def test_metrics_are_found_where_they_are_declared() -> None:
    found = {family.name: family for family in families()}
    requests = found["sluicegate_requests_total"]
    assert (requests.kind, requests.labels) == ("counter", ("route", "method", "status"))
    assert "sluicegate_build_info" in found


def test_names_follow_the_rules_of_prometheus() -> None:
    for family in families():
        assert family.name.endswith("_total") == (family.kind == "counter"), family.name
        assert family.meaning.endswith("."), family.name


def test_a_declaration_declares_what_it_says(tmp_path: Path) -> None:
    text = 'metrics.family("sluicegate_x_total", "counter", "X.", labels=("a",))\n'
    (tmp_path / "part.py").write_text(text)
    (found,) = families(tmp_path)
    real = Metrics().family("sluicegate_x_total", "counter", "X.", labels=("a",))
    assert (found.name, found.kind, found.labels) == (real.name, real.kind, real.labels)


def test_a_declaration_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text('\nfamily("sluicegate_x", "gauge", WORDS)\n')
    with pytest.raises(ValueError, match=r"part.py:2: a metric is declared with literals"):
        families(tmp_path)


def test_calls_that_pass_a_family_on_declare_nothing(tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text("FamilyDump(family.name, family.kind, '', [], [], [])\n")
    assert families(tmp_path) == []
