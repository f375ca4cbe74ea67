from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.consumer import Consumer, Key
from sluicegate.model.units import convert

HASH = "main:" + "0a" * 32


def test_a_consumer_may_have_several_keys_of_either_kind() -> None:
    consumer = convert({"keys": [{"hash": HASH}, {"value": "k" * 16}]}, Consumer)
    assert consumer == Consumer(keys=[Key(hash=HASH), Key(value="k" * 16)])


@pytest.mark.parametrize(
    "key",
    [
        {"hash": "0a" * 32},
        {"hash": HASH.upper()},
        {"hash": HASH + "0"},
        {"hash": HASH + "\n"},
        {"value": "k" * 15},
    ],
)
def test_a_malformed_key_is_refused(key: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert({"keys": [key]}, Consumer)
