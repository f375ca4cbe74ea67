from __future__ import annotations

import base64

import msgspec
import pytest

from sluicegate.settings import Settings
from sluicegate.settings.store import Store

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.mark.parametrize(
    "url",
    [
        "none",
        "sqlite:///sluicegate.db",
        "sqlite:////var/lib/sluicegate/store.db",
        "postgresql://db.example:5432/sluicegate",
        "postgresql://one:5432,two:5432/sluicegate",
    ],
)
def test_a_store_is_named_by_its_url(url: str) -> None:
    assert msgspec.convert({"url": url}, Store).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite://",
        "mysql://db/x",
        "postgresql://me:secret@db/x",
        "postgresql://db/x?sslmode=no",
    ],
)
def test_a_url_that_says_more_or_less_is_refused(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="url"):
        msgspec.convert({"url": url}, Store)


@pytest.mark.parametrize("key", ["short", KEY[:-1], KEY + "\n", base64.b64encode(b"k").decode()])
def test_a_master_key_is_32_bytes_in_base64(key: str) -> None:
    assert msgspec.convert({"master_keys": {"main": KEY}}, Store).master_keys == {"main": KEY}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"master_keys": {"main": key}}, Store)


def test_settings_can_be_printed_without_their_secrets() -> None:
    store = Store(url="postgresql://db/x", password="hidden", master_keys={"main": KEY})
    shown = repr(Settings(store=store))
    assert "hidden" not in shown
    assert KEY not in shown
