"""By the value of a header."""

from __future__ import annotations

import pytest

from sluicegate.journey.limit.subjects.header import subject
from support.exchanges import exchange


def test_a_header_counts_by_its_value_and_requests_without_it_share() -> None:
    by = subject(":X-Tenant")
    assert by(exchange(headers={"x-tenant": "a"})) != by(exchange(headers={"x-tenant": "b"}))
    assert by(exchange()) == by(exchange(client_ip="192.0.2.9"))
    assert by(exchange()) != by(exchange(headers={"x-tenant": "-"}))
    assert by(exchange()) != by(exchange(headers={"x-tenant": ""}))


def test_a_value_is_never_in_the_subject_and_takes_little_room() -> None:
    by = subject(":authorization")
    secret, other = "Bearer " + "s3cret" * 1000, "Bearer " + "s3cret" * 1000 + "!"
    for value in (secret, "s3cret"):
        assert "s3cret" not in by(exchange(headers={"authorization": value}))
    assert len(by(exchange(headers={"authorization": secret}))) == 33
    assert by(exchange(headers={"authorization": secret})) != by(
        exchange(headers={"authorization": other})
    )


@pytest.mark.parametrize("wrong", ["", ":", ":a b", "/x", ":a\n", ":ä"])
def test_what_is_no_name_of_a_header_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="such as `header:x-tenant`"):
        subject(wrong)
