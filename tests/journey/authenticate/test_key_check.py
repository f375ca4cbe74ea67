"""The check itself, with keys taken out of every place; what clients see is in `test_api_key`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.authenticate.key_check import CONSUMER_HEADER, KeyCheck
from sluicegate.model.consumer import Consumer
from sluicegate.snapshot.keys import KeyRecord
from support.exchanges import exchange, run

ANN = KeyRecord("ann", Consumer(), None, "k1")
CHECK = KeyCheck(
    b"x-api-key", b"key", ((b"asks", b"1"),), ((b"asks", b"2"),), bearer=True, optional=False
)
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
