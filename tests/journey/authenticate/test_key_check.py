"""The check itself, with keys taken out of every place; what clients see is in `test_api_key`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.exchange import Exchange
from sluicegate.journey.authenticate.key_check import KeyCheck
from sluicegate.journey.authenticate.key_record import CONSUMER_HEADER, KeyRecord
from sluicegate.journey.authenticate.keyring import Keyring
from sluicegate.metrics import Metrics
from sluicegate.model.consumer import Consumer
from sluicegate.model.name_pattern import read_patterns
from support.exchanges import exchange, run
from support.keys import Source, stored
from support.mock_clock import MockClock

ANN = KeyRecord("ann", Consumer(), None, "k1")


def check(keyring: Keyring) -> KeyCheck:
    places = (b"x-api-key", b"key")
    asks = (((b"asks", b"1"),), ((b"asks", b"2"),))
    return KeyCheck(keyring, *places, *asks, bearer=True, optional=False)


CHECK = check(Keyring(None, MockClock(), Metrics()))
places = st.lists(st.sampled_from(("x-api-key", "authorization", "accept")), max_size=6)


@given(places=places, query=st.sampled_from(("a=1", "a=1&key=secret")))
def test_a_key_is_gone_from_everywhere_and_nothing_else_is(places: list[str], query: str) -> None:
    values = {"x-api-key": "secret", "authorization": "Bearer secret", "accept": "secret"}
    asked = exchange(
        headers=[(name, values[name]) for name in places], query=query, keys={b"secret": ANN}
    )
    sent = run(CHECK, asked)
    known = "secret" in query or bool({"x-api-key", "authorization"} & set(places))
    kept = [(b"accept", b"secret")] * places.count("accept")
    assert sent.status == (200 if known else 401)
    assert asked.request.headers == kept + [(CONSUMER_HEADER, b"ann")] * known
    assert asked.request.query == b"a=1"
    assert asked.consumer_name == ("ann" if known else None)


def test_no_key_and_a_wrong_key_are_asked_for_differently() -> None:
    assert run(CHECK, exchange()).header("asks") == "1"
    assert run(CHECK, exchange(headers={"x-api-key": "other"})).header("asks") == "2"


def test_a_stored_key_is_asked_for_and_then_known() -> None:
    raw, found = stored("bob", scopes=["a"])
    source = Source(found)
    checks = check(Keyring(source, MockClock(), Metrics()))
    for _ in range(2):
        asked = exchange(headers={"x-api-key": raw.decode()}, keys={})
        assert run(checks, asked).status == 200
        assert (asked.consumer_name, asked.key_id, asked.scopes) == ("bob", found.name, ("a",))
        assert asked.request.headers == [(CONSUMER_HEADER, b"bob")]
    assert source.asked == [found.name]


def test_while_the_store_is_away_an_unknown_key_is_503_and_never_401() -> None:
    raw, _ = stored("bob")
    source = Source()
    source.away = True
    sent = run(
        check(Keyring(source, MockClock(), Metrics())),
        exchange(headers={"x-api-key": raw.decode()}),
    )
    assert (sent.status, sent.header("retry-after")) == (503, "1")
    assert raw not in sent.body


def of_an_ai_route(asked: Exchange) -> Exchange:
    asked.speaks = cast("Any", SimpleNamespace(refusal=lambda *_: (401, b"text/plain", b"no")))
    return asked


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"x-goog-api-key": "secret"}, None), ({}, "key=secret"), ({"x-api-key": "secret"}, None)],
)
def test_ai_routes_take_keys_from_where_googles_sdks_put_them(
    headers: dict[str, str], query: str | None
) -> None:
    keyring = Keyring(None, MockClock(), Metrics())
    plain = KeyCheck(keyring, b"x-api-key", None, (), (), bearer=True, optional=False)
    asked = of_an_ai_route(exchange(headers=headers, query=query, keys={b"secret": ANN}))
    assert run(plain, asked).status == 200
    assert asked.request.headers == [(CONSUMER_HEADER, b"ann")]
    assert asked.request.query is None


def test_other_routes_leave_those_places_alone() -> None:
    keyring = Keyring(None, MockClock(), Metrics())
    plain = KeyCheck(keyring, b"x-api-key", None, (), (), bearer=True, optional=False)
    headers = {"x-goog-api-key": "of the target"}
    asked = exchange(headers=headers, query="key=1", keys={b"secret": ANN})
    assert run(plain, asked).status == 401
    assert asked.request.headers == [(b"x-goog-api-key", b"of the target")]
    assert asked.request.query == b"key=1"


def test_two_different_keys_are_refused_wherever_they_are() -> None:
    both = {"x-goog-api-key": "secret", "authorization": "Bearer other"}
    asked = of_an_ai_route(exchange(headers=both, keys={b"secret": ANN, b"other": ANN}))
    assert run(CHECK, asked).status == 401
    assert asked.request.headers == []


def test_the_only_models_of_a_key_are_noted() -> None:
    models = read_patterns(["gpt-*"], "models")
    record = KeyRecord("ann", Consumer(), None, "k1", models=models)
    asked = exchange(headers={"x-api-key": "secret"}, keys={b"secret": record})
    assert run(CHECK, asked).status == 200
    assert asked.models == models
