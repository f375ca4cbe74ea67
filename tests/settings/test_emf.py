"""Settings of metrics for CloudWatch."""

from __future__ import annotations

import pytest

from support.configuration import load_text, messages_of


def test_nothing_is_told_unless_asked_for() -> None:
    assert load_text("{}").settings.emf is None


def test_what_is_asked_for_has_its_defaults() -> None:
    emf = load_text("emf: {}").settings.emf
    assert emf is not None
    assert (emf.namespace, emf.every, emf.by) == ("Sluicegate", 60, ["route", "model"])


def test_the_environment_may_ask_for_it() -> None:
    emf = load_text("{}", {"SLUICEGATE_EMF_NAMESPACE": "Shop/Gateway"}).settings.emf
    assert emf is not None
    assert emf.namespace == "Shop/Gateway"


@pytest.mark.parametrize(
    ("written", "path", "expected"),
    [
        ("namespace: AWS/Gateway", "emf.namespace", "not `AWS/…`"),
        ("namespace: ''", "emf.namespace", "1 to 255"),
        ("every: 100ms", "emf.every", "expected `1s` to `1h`"),
        ("every: 2h", "emf.every", "expected `1s` to `1h`"),
        ("by: [consumer]", "emf.by[0]", "consumer"),
    ],
)
def test_what_cloudwatch_would_not_take_is_refused(written: str, path: str, expected: str) -> None:
    assert expected in messages_of(f"emf: {{{written}}}")[path]
