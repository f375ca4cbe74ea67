from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.service import Service, Target
from sluicegate.model.units import convert


def test_a_target_is_a_url_or_a_group() -> None:
    service = convert({"targets": ["http://a:1", {"url": "https://b:2", "weight": 0}]}, Service)
    assert service.targets == ["http://a:1", Target(url="https://b:2", weight=0)]


def test_tls_to_targets_is_verified_unless_told() -> None:
    assert convert({"targets": ["https://a"]}, Service).tls.verify is True


@pytest.mark.parametrize(
    "url",
    ["a:1", "ftp://a", "http://", "http://a/p", "http://a?q", "http://u@a", "http://a\n"],
)
def test_a_url_names_scheme_host_and_port_only(url: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert({"targets": [url]}, Service)


def test_a_service_has_a_target() -> None:
    with pytest.raises(msgspec.ValidationError, match="length >= 1"):
        convert({"targets": []}, Service)
