"""`api_key`: where a key may be, what becomes of it, and who is turned away."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.authenticate.api_key import Config, Policy
from sluicegate.journey.authenticate.key_record import KeyRecord
from sluicegate.journey.authenticate.restriction import restriction_of
from sluicegate.model.consumer import Consumer, Key
from sluicegate.model.units import convert
from support.exchanges import exchange, parts, run, sink, target
from support.mock_clock import MockClock

ANN = KeyRecord("ann", Consumer(plan="pro"), "pro", "k1")
JO = KeyRecord("jö\r\nx: y", Consumer(), None, "k2")
KEYS = {b"secret-of-ann": ANN, b"secret-of-jo": JO, b"a+b c": ANN}


def policy(**config: Any) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def asking(headers: Any = (), query: str | None = None) -> Exchange:
    return exchange(headers=headers, query=query, keys=KEYS)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "secret-of-ann"},
        {"authorization": "Bearer secret-of-ann"},
        {"authorization": "bearer   secret-of-ann"},
        {"x-api-key": "secret-of-ann", "authorization": "Bearer secret-of-ann"},
    ],
)
def test_a_key_says_who_calls_and_is_gone_before_the_target(headers: dict[str, str]) -> None:
    asked = asking({"accept": "*/*", **headers, "user-agent": "x"})
    assert run(policy(), asked).status == 200
    assert (asked.consumer, asked.consumer_name) == (ANN.consumer, "ann")
    assert (asked.key_id, asked.plan) == ("k1", "pro")
    assert asked.request.headers == [
        (b"accept", b"*/*"),
        (b"user-agent", b"x"),
        (b"sluicegate-consumer", b"ann"),
    ]


def test_a_name_that_is_no_header_value_is_passed_on_percent_encoded() -> None:
    asked = asking({"x-api-key": "secret-of-jo"})
    run(policy(), asked)
    assert asked.request.headers == [(b"sluicegate-consumer", b"j%C3%B6%0D%0Ax%3A%20y")]


def test_without_a_key_the_answer_is_401_and_names_the_ways() -> None:
    sent = run(policy(), asking())
    assert sent.status == 401
    assert sent.headers.get_all(b"www-authenticate") == [
        b'ApiKey realm="sluicegate"',
        b'Bearer realm="sluicegate"',
    ]
    assert sent.problem()["detail"] == "no key was given"
    assert run(policy(bearer=False), asking()).header("www-authenticate") == (
        'ApiKey realm="sluicegate"'
    )


def test_a_wrong_key_is_401_even_where_keys_are_optional_and_is_not_repeated() -> None:
    for chosen in (policy(), policy(optional=True)):
        asked = asking({"x-api-key": "secret-of-eve"})
        sent = run(chosen, asked)
        assert sent.status == 401
        assert 'error="invalid_token"' in str(sent.header("www-authenticate"))
        assert b"eve" not in sent.body
        assert asked.request.headers == []


def test_two_different_keys_are_401_even_if_both_are_right() -> None:
    both = [("x-api-key", "secret-of-ann"), ("authorization", "Bearer secret-of-jo")]
    twice = [("x-api-key", "secret-of-ann"), ("x-api-key", "secret-of-jo")]
    for headers in (both, twice):
        assert run(policy(), asking(headers)).status == 401
    assert run(policy(bearer=False), asking(both)).status == 200
    in_query = asking({"x-api-key": "secret-of-ann"}, "k=secret-of-jo")
    assert run(policy(query="k"), in_query).status == 401


def test_optional_lets_who_shows_no_key_through_as_nobody() -> None:
    asked = asking()
    assert run(policy(optional=True), asked).status == 200
    assert (asked.consumer_name, asked.plan, asked.key_id) == (None, None, None)
    assert asked.request.headers == []


def test_other_authorization_schemes_go_on_to_the_target() -> None:
    for value in ("Basic YTpi", "Bearer"):
        asked = asking({"authorization": value, "x-api-key": "secret-of-ann"})
        assert run(policy(), asked).status == 200
        assert asked.request.headers.get(b"authorization") == value.encode()
    token = asking({"authorization": "Bearer of.others", "x-api-key": "secret-of-ann"})
    assert run(policy(bearer=False), token).status == 200
    assert token.request.headers.get(b"authorization") == b"Bearer of.others"


def test_the_query_is_looked_at_only_when_told() -> None:
    asked = asking(query="x-api-key=secret-of-ann&api_key=secret-of-ann")
    assert run(policy(), asked).status == 401


@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("key=secret-of-ann", None),
        ("a=1&key=secret-of-ann&b=%2F&&c", b"a=1&b=%2F&&c"),
        ("k%65y=secret%2Dof-ann&keys=1", b"keys=1"),
        ("key=a%2Bb+c", None),
        ("key=secret-of-ann&key=secret-of-ann&b", b"b"),
    ],
)
def test_a_key_in_the_query_is_cut_out_of_it(query: str, rest: bytes | None) -> None:
    asked = asking(query=query)
    assert run(policy(query="key"), asked).status == 200
    assert asked.request.query == rest


def test_a_wrong_key_is_cut_out_of_the_query_as_well() -> None:
    asked = asking(query="a=1&key=nope")
    assert run(policy(query="key"), asked).status == 401
    assert asked.request.query == b"a=1"


def test_the_header_can_have_another_name_or_none() -> None:
    assert run(policy(header="X-Token"), asking({"x-token": "secret-of-ann"})).status == 200
    assert run(policy(header="X-Token"), asking({"x-api-key": "secret-of-ann"})).status == 401
    assert run(policy(header=None), asking({"x-api-key": "secret-of-ann"})).status == 401


def restricted(**bounds: Any) -> KeyRecord:
    key = convert({"hash": "p:" + "0" * 64, **bounds}, Key)
    return KeyRecord("ann", Consumer(), None, "k1", restriction=restriction_of(key))


@pytest.mark.parametrize(
    "past", ["1970-01-01T00:00:00Z", "1969-07-20T20:17:40Z", "0001-01-01T00:00:00Z"]
)
def test_a_key_that_expired_before_time_began_has_expired(past: str) -> None:
    keys = {b"secret-of-ann": restricted(expires=past)}
    asked = exchange(headers={"x-api-key": "secret-of-ann"}, keys=keys, clock=MockClock())
    run(policy(), asked)
    assert sink(asked).problem()["detail"] == "the key has expired"


def test_a_key_is_good_until_it_expires() -> None:
    clock = MockClock(1_800_000_000_000_000)
    keys = {b"secret-of-ann": restricted(expires="2027-01-15T08:00:01Z")}  # one second later
    for seconds, status in ((0, 200), (0.999_999, 200), (0.000_001, 401), (1e6, 401)):
        clock.advance(seconds)
        asked = exchange(headers={"x-api-key": "secret-of-ann"}, keys=keys, clock=clock)
        assert run(policy(), asked).status == status
    assert sink(asked).problem()["detail"] == "the key has expired"
    assert 'error="invalid_token"' in str(sink(asked).header("www-authenticate"))


@pytest.mark.parametrize(
    "bounds",
    [
        {"routes": ["other", "thing"]},
        {"methods": ["POST"]},
        {"ip_ranges": ["198.51.100.0/24"]},
    ],
)
def test_a_key_that_may_not_be_used_for_this_is_403_and_the_log_knows_whose_it_is(
    bounds: dict[str, Any],
) -> None:
    asked = exchange(
        headers={"x-api-key": "secret-of-ann"}, keys={b"secret-of-ann": restricted(**bounds)}
    )
    assert run(policy(), asked).status == 403
    assert sink(asked).header("www-authenticate") is None
    assert (asked.consumer_name, asked.key_id) == ("ann", "k1")


def test_what_a_key_was_granted_is_there_for_the_stages_behind() -> None:
    keys = {b"secret-of-ann": KeyRecord("ann", Consumer(), None, "k1", ("orders:read",))}
    asked = exchange(headers={"x-api-key": "secret-of-ann"}, keys=keys)
    assert asked.scopes == ()
    run(policy(), asked)
    assert asked.scopes == ("orders:read",)


def test_an_answer_of_the_target_passes_unchanged() -> None:
    sent = run(policy(), asking({"x-api-key": "secret-of-ann"}), target(201, {"a": "b"}, b"made"))
    assert (sent.status, sent.headers, sent.body) == (201, [(b"a", b"b")], b"made")


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"header": None, "bearer": False}, "keep `header`, `bearer` or `query`"),
        ({"header": "Authorization"}, "is written `bearer: true`"),
        ({"header": "x key"}, "matching regex"),
        ({"query": ""}, "length >= 1"),
    ],
)
def test_what_no_request_could_satisfy_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(config, Config)
    assert advice in str(caught.value)
