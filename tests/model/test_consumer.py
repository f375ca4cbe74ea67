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


def test_a_consumer_may_have_limits_of_their_own_by_name() -> None:
    limits = {"api": ["20/second burst 40", "900/minute"]}
    assert convert({"limits": limits}, Consumer).limits == limits


@pytest.mark.parametrize("limits", [{"": ["1/day"]}, {"A b": ["1/day"]}, {"api": []}, {"api": 5}])
def test_limits_without_a_name_or_without_an_allowance_are_refused(limits: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert({"limits": limits}, Consumer)
