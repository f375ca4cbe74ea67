from __future__ import annotations

import pytest
import yaml

from rehearsal.differences import differences, reason
from rehearsal.growth import SMALL
from rehearsal.world import VALUES, merged


def test_every_value_that_a_rehearsal_sets_otherwise_has_a_reason() -> None:
    values: dict[str, object] = {}
    for file in VALUES:
        values = merged(values, yaml.safe_load(file.read_text()))
    told = differences(merged(values, SMALL))
    asked = SMALL["gateway"]["resources"]["requests"]["cpu"]
    assert any(line.startswith(f"gateway.resources.requests.cpu: {asked}, not 2:") for line in told)
    assert any(line.startswith("tls.source: secret, not generated:") for line in told)


def test_a_value_without_a_reason_is_no_silent_difference() -> None:
    with pytest.raises(KeyError, match=r"gateway\.probes\.readiness\.periodSeconds"):
        differences({"gateway": {"probes": {"readiness": {"periodSeconds": 1}}}})
    assert reason("gateway.resources.requests.cpu") == reason("gateway.resources")


def test_what_is_as_in_the_chart_is_not_told() -> None:
    assert differences({"autoscaling": {"minReplicas": 3}}) == []
