"""Settings of the ledger."""

from __future__ import annotations

import pytest

from sluicegate.errors import ConfigError
from sluicegate.settings.ledger import Ledger
from support.configuration import load_text


def test_without_settings_a_year_is_kept_and_a_minute_is_waited() -> None:
    kept = Ledger()
    assert kept.retention == 400 * 86400
    assert kept.reservation == 60


def test_they_are_read_from_the_file() -> None:
    text = "ledger: {retention: 30d, waiting: 5000, reservation: 5s}"
    found = load_text(text).settings.ledger
    assert (found.retention, found.waiting, found.reservation) == (30 * 86400, 5000, 5)


@pytest.mark.parametrize("written", ["0", "900ms", "2h"])
def test_a_reservation_has_its_bounds(written: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_text(f"ledger: {{reservation: {written}}}")
    [fault] = raised.value.faults
    assert fault.path == "ledger.reservation"
    assert "expected `1s` to `1h`" in fault.message


@pytest.mark.parametrize("retention", ["0s", "59s"])
def test_a_ledger_that_keeps_nothing_is_refused(retention: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"ledger: {{retention: {retention}}}")
    (fault,) = caught.value.faults
    assert fault.path == "ledger.retention"
    assert fault.message.endswith("; expected at least `1m`")
