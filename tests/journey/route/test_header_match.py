from __future__ import annotations

import pytest

from sluicegate.journey.route.header_match import Conditions, parameters
from support.exchanges import exchange


def holds(
    headers: dict[str, str | bool],
    query: dict[str, str | bool],
    sent: list[tuple[str, str]],
    sent_query: str | None = None,
) -> bool:
    request = exchange("GET", "/", headers=sent, query=sent_query).request
    return Conditions(headers, query).hold(request)


@pytest.mark.parametrize(
    ("expected", "sent", "verdict"),
    [
        ("v2", ["v2"], True),
        ("v2", ["v22"], False),
        ("v2", ["V2"], False),
        ("v2", [], False),
        ("v*", ["v2"], True),
        ("v*", ["v"], True),
        ("v*", ["x"], False),
        ("v*", [], False),
        ("*", ["anything"], True),
        (True, [""], True),
        (True, [], False),
        (False, [], True),
        (False, ["x"], False),
        ("a, b", ["a", "b"], True),
        ("a", ["a", "b"], False),
    ],
)
def test_a_header_is_exact_a_prefix_present_or_absent(
    expected: str | bool,  # noqa: FBT001 - as it is in the file
    sent: list[str],
    verdict: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    assert holds({"X-Api-Version": expected}, {}, [("x-api-version", v) for v in sent]) is verdict


@pytest.mark.parametrize(
    ("expected", "query", "verdict"),
    [
        ("2", "v=2", True),
        ("2", "a=1&v=2&b", True),
        ("2", "v=%32", True),
        ("2", "%76=2", True),
        ("2", "v=2&v=3", True),
        ("2", "v=3&v=2", False),
        ("2", "vv=2", False),
        ("2", None, False),
        ("a b", "v=a+b", True),
        ("a b", "v=a%20b", True),
        ("a*", "v=abc", True),
        (True, "v", True),
        (True, "v=", True),
        (True, "", False),
        (False, None, True),
        (False, "v", False),
        ("é", "v=%C3%A9", True),
    ],
)
def test_a_query_parameter_is_compared_decoded_and_its_first_value_counts(
    expected: str | bool,  # noqa: FBT001 - as it is in the file
    query: str | None,
    verdict: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    assert holds({}, {"v": expected}, [], query) is verdict


def test_all_conditions_must_hold() -> None:
    wanted: dict[str, str | bool] = {"x-a": "1", "x-b": False}
    assert holds(wanted, {"q": "1"}, [("x-a", "1")], "q=1")
    assert not holds(wanted, {"q": "1"}, [("x-a", "1"), ("x-b", "")], "q=1")
    assert not holds(wanted, {"q": "1"}, [("x-a", "1")], "q=2")
    assert len(Conditions(wanted, {"q": "1"})) == 3


def test_what_is_no_header_name_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a header name, got 'x y'"):
        Conditions({"x y": True}, {})


def test_a_preflight_names_the_headers_that_will_come_but_not_their_values() -> None:
    announced = {"access-control-request-headers": "content-type, X-Version"}
    request = exchange("OPTIONS", "/", headers=announced).request
    assert Conditions({"x-version": "2"}, {}).may_hold_after_preflight(request)
    assert not Conditions({"x-version": False}, {}).may_hold_after_preflight(request)
    assert not Conditions({"x-other": "2"}, {}).may_hold_after_preflight(request)
    assert Conditions({"x-other": False}, {}).may_hold_after_preflight(request)
    assert not Conditions({"x-version": "2"}, {"q": "1"}).may_hold_after_preflight(request)


def test_parameters_without_a_name_are_nobodys() -> None:
    assert parameters(b"=1&&a=1&a=2&b") == {b"a": b"1", b"b": b""}
