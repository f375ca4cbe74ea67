from __future__ import annotations

from typing import Any

import pytest

from sluicegate.model.consumer import Consumer
from sluicegate.model.team import Team
from sluicegate.snapshot import looked_up
from sluicegate.snapshot.looked_up import StoredKey, read
from sluicegate.snapshot.ties import Known

HASH = "main:" + "0" * 64
NOBODY = Known({}, {}, {}, {}, {}, {})


def messages(kind: Any, spec: Any, name: str = "it") -> dict[str, str]:
    found, faults = read(kind, name, spec)
    assert (found is None) is bool(faults)
    return {fault.path: fault.message for fault in faults}


def test_what_is_right_is_converted() -> None:
    assert read("consumer", "ann", {"plan": "p"}) == (Consumer(plan="p"), [])
    key, faults = read("key", "sg_local_12345678", {"consumer": "ann", "hash": HASH})
    assert faults == []
    assert key == StoredKey(consumer="ann", hash=HASH)


@pytest.mark.parametrize(
    ("kind", "spec", "path", "words"),
    [
        ("consumer", {"keys": [{"hash": HASH}]}, "consumers.it.keys", "`sluicegate key create`"),
        ("consumer", {"plans": "p"}, "consumers.it.plans", "did you mean `plan`?"),
        ("consumer", [], "consumers.it", "expected a mapping"),
        ("consumer", {"description": "${secret:a}"}, "consumers.it.description", "not resolved"),
        ("key", {}, "keys.it", "`consumer` is missing"),
        ("key", {"consumer": "a b"}, "keys.it.consumer", "expected up to 128 letters"),
        ("key", {"consumer": "a", "value": "v" * 16}, "keys.it.value", "kept as its hash"),
        (
            "key",
            {"consumer": "a", "expires": "soon"},
            "keys.it.expires",
            "expected a time such as `2027",
        ),
        ("key", {"consumer": "a", "ip_ranges": ["x"]}, "keys.it.ip_ranges[0]", "x"),
        ("key", {"consumer": "a", "routes": ["a*b"]}, "keys.it.routes[0]", "`*` at an end"),
        ("key", {"consumer": "a", "models": ["a*b"]}, "keys.it.models[0]", "`*` at an end"),
        ("key", {"consumer": "a", "scopes": ["ok", "a b"]}, "keys.it.scopes[1]", "found"),
    ],
)
def test_what_is_wrong_is_refused_by_path(kind: str, spec: Any, path: str, words: str) -> None:
    found = messages(kind, spec)
    assert next(iter(found)) == path
    assert words in found[path]


def test_a_name_that_would_need_quotes_is_refused() -> None:
    assert list(messages("consumer", {}, "a b")) == ['consumers["a b"]']


@pytest.mark.parametrize("name", ["x", "0", "_x"])
def test_what_a_name_begins_with_is_what_the_message_says(name: str) -> None:
    assert messages("consumer", {}, name) == {}
    (said,) = messages("consumer", {}, "-" + name).values()
    assert said.endswith("a letter, digit or `_` first")


def test_what_is_named_must_be_there() -> None:
    found = [
        fault.path
        for resource, place in (
            (Consumer(plan="p", team="t", limits={"api": ["1/second"]}), ("consumers", "c")),
            (StoredKey(consumer="c", plan="p"), ("keys", "k")),
            (Team(plan="p"), ("teams", "t")),
        )
        for fault in looked_up.check(resource, place, NOBODY, ())
    ]
    assert found == [
        "consumers.c.plan", "consumers.c.team", "consumers.c.limits.api", "keys.k.plan",
        "teams.t.plan",
    ]  # fmt: skip


def test_a_consumer_of_very_many_faults_is_not_looked_at_to_its_end() -> None:
    found, faults = read("consumer", "it", {f"field{number}": 1 for number in range(5000)})
    assert (found, len(faults)) == (None, 1001)
