"""`rewrite`: the path that the target sees."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import Refused
from sluicegate.journey.shape.rewrite import Config, Policy
from sluicegate.model.units import convert
from sluicegate.wire.target import normalise
from support.exchanges import exchange, parts, run
from support.mock_clock import MockClock


def policy(**config: str) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def rewritten(path: str, /, **config: str) -> str:
    asked = exchange("OPTIONS", path, query="q=1")
    assert run(policy(**config), asked).status == 200
    assert asked.request.query == b"q=1"
    return asked.request.path


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("/api/users", "/users"),
        ("/api/", "/"),
        ("/api", "/"),
        ("/apis/users", "/apis/users"),
        ("/v1/api/users", "/v1/api/users"),
        ("/", "/"),
        ("/api/api/x", "/api/x"),
        ("*", "*"),
    ],
)
def test_a_prefix_is_stripped_at_segment_borders(path: str, after: str) -> None:
    assert rewritten(path, strip_prefix="/api") == after


def test_a_prefix_is_added_after_the_other_is_stripped() -> None:
    assert rewritten("/users", add_prefix="/v2") == "/v2/users"
    assert rewritten("/", add_prefix="/v2") == "/v2/"
    assert rewritten("/api/users", strip_prefix="/api", add_prefix="/v2") == "/v2/users"
    assert rewritten("/api", strip_prefix="/api", add_prefix="/v2") == "/v2"


def test_a_path_can_be_replaced_whole() -> None:
    assert rewritten("/any/thing", path="/health") == "/health"


@pytest.mark.parametrize(
    ("match", "to", "path", "after"),
    [
        ("/users/{id}", "/people/{id}", "/users/7", "/people/7"),
        ("/users/{id}", "/people/{id}", "/users/7/x", "/users/7/x"),
        ("/users/{id}", "/people/{id}", "/users/", "/users/"),
        ("/{a}/{b}", "/{b}/x/{a}", "/1/2", "/2/x/1"),
        ("/{a}/{b}", "/{b}/{b}", "/1/2", "/2/2"),
        ("/u/{id}/**", "/v2/{id}/**", "/u/7/x/y", "/v2/7/x/y"),
        ("/u/{id}/**", "/v2/{id}/**", "/u/7/", "/v2/7/"),
        ("/u/{id}/**", "/v2/{id}/**", "/u/7", "/v2/7"),
        ("/old/**", "/**", "/old", "/"),
        ("/old/**", "/**", "/old/a", "/a"),
        ("/a.b/**", "/x/**", "/aXb/c", "/aXb/c"),
        ("/a/**", "/fixed", "/a/b/c", "/fixed"),
        ("/u/{id}", "/v/{id}", "/u/a%20b", "/v/a%20b"),
    ],
)
def test_a_template_takes_whole_segments_of_the_path(
    match: str, to: str, path: str, after: str
) -> None:
    assert rewritten(path, match=match, to=to) == after


@given(
    st.sampled_from(
        [
            {"strip_prefix": "/a"},
            {"strip_prefix": "/a", "add_prefix": "/b/c"},
            {"match": "/{x}/**", "to": "/**"},
            {"match": "/{x}/{y}/**", "to": "/z/{y}/{x}/**"},
            {"match": "/a/**", "to": "/q/**"},
        ]
    ),
    st.text("/a.%2eEfF5cC;b\\\r\n \u00e9", max_size=25),
)
def test_what_comes_out_obeys_the_path_rule_whatever_a_client_sends(
    config: dict[str, str], sent: str
) -> None:
    try:
        path = normalise(b"/" + sent.encode()).decode()
    except Refused:
        return
    after = rewritten(path, **config)
    assert normalise(after.encode()).decode() == after


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({}, "write one of"),
        ({"path": "/a", "strip_prefix": "/b"}, "write one of"),
        ({"path": "/a", "match": "/b"}, "write one of"),
        ({"match": "/a"}, "belong together"),
        ({"to": "/a"}, "belong together"),
        ({"path": "a"}, "starts with `/`"),
        ({"path": "/a?b=c"}, "has no query"),
        ({"path": "/a/../b"}, "write `/b`"),
        ({"path": "/../b"}, "climbs above the root"),
        ({"path": "//a"}, "write `/a`"),
        ({"path": "/%61"}, "write `/a`"),
        ({"path": "/a\r\nx: y"}, "control character"),
        ({"path": "/a%0d%0a"}, "control character"),
        ({"path": "/é"}, "not ASCII"),
        ({"strip_prefix": "/a/"}, "without `/` at its end"),
        ({"strip_prefix": "/"}, "without `/` at its end"),
        ({"add_prefix": ""}, "starts with `/`"),
        ({"add_prefix": "/.."}, "climbs above the root"),
        ({"match": "/a/{id}", "to": "/b/{name}"}, "`{name}` in `/b/{name}` is not in `/a/{id}`"),
        ({"match": "/a/{id}", "to": "/b/**"}, "`**` in `/b/**` is not in"),
        ({"match": "/a/{id}/{id}", "to": "/b"}, "names `id` twice"),
        ({"match": "/a/x{id}", "to": "/b"}, "a parameter is a whole segment"),
        ({"match": "/a/{id}", "to": "/.{id}"}, "a parameter is a whole segment"),
        ({"match": "/a/**/b", "to": "/b"}, "`**` stands at the end only"),
        ({"match": "/a/*", "to": "/b"}, "a parameter is a whole segment"),
        ({"match": "a", "to": "/b"}, "starts with `/`"),
        ({"match": "/a", "to": "/../b"}, "climbs above the root"),
    ],
)
def test_what_is_no_path_or_pattern_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        convert(config, Config)
    assert advice in str(caught.value)
