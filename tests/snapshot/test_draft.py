from __future__ import annotations

import pytest

from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.source import read
from support.configuration import faults_of

TEXT = b"gateway:\n  listen: x\nroutes:\n  a: {match: 1}\n"


def test_faults_are_raised_together_in_file_order() -> None:
    draft = Draft(read(TEXT))
    draft.complain(("routes", "a", "match"), "last")
    draft.complain(("gateway",), "first")
    with pytest.raises(ConfigError) as caught:
        draft.finish()
    assert caught.value.faults == [Fault("gateway", 1, "first"), Fault("routes.a.match", 4, "last")]


def test_a_draft_without_faults_finishes() -> None:
    Draft(read(TEXT)).finish()


def test_what_comes_from_a_variable_is_named_by_it_and_has_no_line() -> None:
    draft = Draft(read(TEXT))
    draft.override(("gateway", "tls"), "SLUICEGATE_GATEWAY_TLS")
    draft.complain(("gateway", "tls"), "whole")
    draft.complain(("gateway", "tls", "certificates", 0, "key"), "part")
    draft.complain(("gateway", "listen"), "beside")
    assert draft.faults == [
        Fault("SLUICEGATE_GATEWAY_TLS", 0, "whole"),
        Fault("SLUICEGATE_GATEWAY_TLS.certificates[0].key", 0, "part"),
        Fault("gateway.listen", 2, "beside"),
    ]


def test_a_fault_that_is_found_later_gets_its_line() -> None:
    fault = Draft(read(TEXT)).locate(Fault("routes.a.policies[0].cors", 0, "no"))
    assert fault == Fault("routes.a.policies[0].cors", 4, "no")


def test_long_values_are_shown_by_their_beginning() -> None:
    draft = Draft(read(TEXT))
    assert draft.show(("a",), "x" * 1000) == '"' + "x" * 59 + "…"
    assert draft.show(("a",), [1, 2]) == "a list with 2 items"
    assert draft.show(("a",), {"b": 1}) == "a mapping with 1 entries"
    assert draft.show(("a",), None) == "null"


def test_the_same_secret_in_two_references_is_never_shown() -> None:
    draft = Draft(read(TEXT))
    draft.resolved(("a",), "${env:LONG}", {"${env:LONG}": "secret-secret"})
    draft.resolved(("b",), "${env:SHORT}", {"${env:SHORT}": "9"})
    draft.complain((), "secret-secret is 9")
    assert draft.faults[0].message == "${env:LONG} is 9"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://user:TOPSECRET@h:1/0", "redis://…@h:1/0"),
        ("redis://:TOP/SE@CRET@h", "redis://…@h"),
        ("redis://a:" + "TOPSECRET" * 20 + "@h", "redis://…@h"),
        ("redis://u:TOP SECRET@h", "redis://…@h"),
        ("redis://h:1/0", "redis://h:1/0"),
        ("a@example.org", "a@example.org"),
    ],
)
def test_a_url_is_shown_without_its_name_and_password(text: str, shown: str) -> None:
    assert Draft(read(TEXT)).show(("a",), text) == f'"{shown}"'


def test_nor_are_they_in_what_others_say() -> None:
    draft = Draft(read(TEXT))
    draft.complain((), "found `http://u:TOP@SECRET@h`, not `http://h`, of x@y")
    assert draft.faults[0].message == "found `http://…@h`, not `http://h`, of x@y"


def test_after_a_thousand_faults_no_more_are_looked_for() -> None:
    draft = Draft(read(TEXT))
    for _ in range(1000):
        draft.complain(("a",), "wrong")
    with pytest.raises(ConfigError) as caught:
        draft.complain(("a",), "wrong")
    assert len(caught.value.faults) == 1001
    assert caught.value.faults[-1].message.startswith("there are more faults than these 1000")


@pytest.mark.parametrize("variable", ["SLUICEGATE_STATE_URL", "SLUICEGATE_STATE"])
def test_a_password_in_a_variable_is_not_printed(variable: str) -> None:
    found = faults_of("services: {}\n", {variable: "redis://user:TOPSECRET@h:1/0"})
    assert any("redis://…@h:1/0" in fault.message for fault in found)
    assert "TOPSECRET" not in str(found)
