from __future__ import annotations

import pytest

from sluicegate.model.units import convert
from sluicegate.settings.cache import Cache


def test_a_cache_is_in_memory_unless_told() -> None:
    assert convert({}, Cache).url == "memory://"
    assert convert({"max_bytes": "1MiB"}, Cache).max_bytes == 1048576


@pytest.mark.parametrize(
    "given",
    [
        {"max_bytes": "1KiB"},
        {"url": "http://a"},
        {"url": "redis://user:secret@host"},
        {"namespace": "a b"},
        {"ttl": "1s"},
    ],
)
def test_what_cannot_be_a_cache_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"."):
        convert(given, Cache)


def test_a_password_is_never_shown() -> None:
    shown = repr(Cache(url="redis://a", username="u", password="p-a-s-s", namespace="ns"))
    assert "p-a-s-s" not in shown
    assert "redis://a" in shown
