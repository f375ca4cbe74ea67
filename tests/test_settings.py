from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.units import convert, encode_hook
from sluicegate.settings import Settings, Tracing, host_and_port


def test_everything_has_a_default_that_is_valid() -> None:
    written = msgspec.to_builtins(Settings(), enc_hook=encode_hook)
    assert convert(written, Settings) == convert({}, Settings) == Settings()


def test_the_defaults_are_safe() -> None:
    settings = Settings()
    assert settings.management.listen.startswith("127.0.0.1:")
    assert settings.gateway.trusted_proxies == []
    assert settings.gateway.http.underscores == "refuse"
    assert settings.gateway.http.header_timeout == 10


def test_settings_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Settings().gateway.http.max_headers = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    "value",
    [
        {"gateway": {"workers": 0}},
        {"gateway": {"workers": "many"}},
        {"gateway": {"tls": {"certificates": []}}},
        {"gateway": {"listen": "8080"}},
        {"state": {"url": "postgres://x"}},
        {"state": {"url": "redis://user:password@x"}},
        {"state": {"url": "redis://x?db=1"}},
        {"state": {"url": "redis://x\n"}},
        {"state": {"namespace": "a{b"}},
        {"state": {"password": ""}},
        {"state": {"expected_workers": 0}},
        {"region": {"name": "EU West"}},
        {"region": {"name": "eu\n"}},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert(value, Settings)


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:4318", "https://otel.example/", "http://[::1]:4318", "https://a.example/b"],
)
def test_spans_go_to_a_base_url(endpoint: str) -> None:
    assert convert({"endpoint": endpoint}, Tracing).endpoint == endpoint


@pytest.mark.parametrize(
    "value",
    [
        {"endpoint": "127.0.0.1:4318"},
        {"endpoint": "grpc://a.example:4317"},
        {"endpoint": "http://"},
        {"endpoint": "http://user:password@a.example"},
        {"endpoint": "http://a.example?key=1"},
        {"endpoint": "http://a.example/\n"},
        {"headers": {"a b": "c"}},
        {"headers": {"authorization": "Bearer\nx"}},
        {"headers": {"authorization": ""}},
        {"headers": {"authorization": " Bearer"}},
        {"queue": 0},
        {"service_name": ""},
    ],
)
def test_what_no_collector_can_be_asked_with_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert(value, Tracing)


def test_the_host_of_an_address_has_no_brackets() -> None:
    assert host_and_port("[::1]:9090") == ("::1", 9090)
    assert host_and_port("gateway.internal:9090") == ("gateway.internal", 9090)
