from __future__ import annotations

from typing import Any

import pytest

from sluicegate.errors import ConfigError
from sluicegate.model.resource import FieldFault
from sluicegate.model.units import Duration
from sluicegate.settings import Settings
from sluicegate.settings.alerts import Alerts
from support.configuration import load_text

KEY = "A" * 43 + "="


def test_without_any_settings_there_is_no_webhook() -> None:
    assert Settings().alerts == Alerts()
    assert Alerts().webhook is None


def test_a_webhook_is_read_with_its_secret_and_shows_neither() -> None:
    text = f"alerts: {{webhook: 'https://hooks.example.com/T0/B0?x=1', secret: whsec_{KEY}}}"
    alerts = load_text(text).settings.alerts
    assert alerts.secret == f"whsec_{KEY}"
    assert "hooks" not in repr(alerts)
    assert KEY not in repr(alerts)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{webhook: 'ftp://example.com'}", "alerts.webhook"),
        ("{webhook: 'https://user@example.com/'}", "alerts.webhook"),
        ("{secret: '${env:S}'}", "alerts.secret"),
        ("{retries: -1}", "alerts.retries"),
    ],
)
def test_what_cannot_be_used_is_refused_without_a_word_of_the_secret(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"alerts: {text}", {"S": "hunter2"})
    (fault,) = caught.value.faults
    assert fault.path == path
    assert "hunter2" not in fault.message


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"webhook": "https://hooks.example.com", "secret": "A" * 33}, "secret"),
        ({"secret": KEY}, "secret"),
        ({"timeout": Duration(0)}, "timeout"),
        ({"timeout": Duration(120)}, "timeout"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(given: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldFault) as caught:
        Alerts(**given)
    assert caught.value.part == (field,)
    assert "AAAA" not in str(caught.value)
