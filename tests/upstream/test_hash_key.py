from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.hash_key import hash_key_of, key_of
from support.exchanges import Pairs, exchange

GOLDEN = 0xD04474CC4B844A8C
"""Of `anna`. Another number would send everybody to another target."""


@pytest.mark.parametrize(
    ("by", "headers"),
    [
        ("header:x-user", {"X-User": "anna"}),
        ("header:X-User", {"x-user": "anna"}),
        ("cookie:sid", {"cookie": "sid=anna"}),
        ("cookie:sid", {"cookie": "a=1; sid=anna; sid=other"}),
        ("cookie:sid", [("cookie", "a=1;b"), ("cookie", "sid=anna")]),
    ],
)
def test_the_value_is_found_and_its_number_is_known(by: str, headers: Pairs) -> None:
    assert hash_key_of(by)(exchange(headers=headers)) == GOLDEN


@pytest.mark.parametrize(
    ("by", "headers"),
    [
        ("header:x-user", {}),
        ("header:x-user", {"x-user": ""}),
        ("cookie:sid", {}),
        ("cookie:sid", {"cookie": "SID=anna; xsid=anna; sid; sid="}),
        ("consumer", {"x-user": "anna"}),
    ],
)
def test_a_request_without_a_value_has_no_key(by: str, headers: Pairs) -> None:
    assert hash_key_of(by)(exchange(headers=headers)) is None


def test_a_consumer_is_hashed_by_name_and_a_client_by_address() -> None:
    asked = exchange(client_ip="192.0.2.9")
    asked.consumer_name = "anna"
    assert hash_key_of("consumer")(asked) == GOLDEN
    assert hash_key_of("ip")(asked) == key_of(b"192.0.2.9")


@pytest.mark.parametrize("by", ["", "header:", "cookie", "cookie:", "route", "Consumer"])
def test_what_there_is_not_is_refused_and_what_there_is_is_named(by: str) -> None:
    with pytest.raises(ValueError, match="consumer, ip, header:<name> or cookie:<name>"):
        hash_key_of(by)


def test_another_process_finds_the_same_number() -> None:
    program = "from sluicegate.upstream.hash_key import key_of; print(key_of(b'anna'))"
    command = [sys.executable, "-c", program]
    environment = {"PYTHONHASHSEED": "1"}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)
    assert int(done.stdout) == GOLDEN


@given(st.binary(max_size=80))
def test_a_key_is_a_number_of_64_bits(value: bytes) -> None:
    assert 0 <= key_of(value) < 2**64
