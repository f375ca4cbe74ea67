from __future__ import annotations

import random
import sys
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import METHOD_NOT_ALLOWED, NO_ROUTE, Refused
from sluicegate.journey.route.host_path import Candidate, RouteIndex, preflight_method
from sluicegate.journey.route.patterns import MatchFault
from sluicegate.model.route import Match
from support.exchanges import exchange

if TYPE_CHECKING:
    from sluicegate.exchange import Request

PREFLIGHT = {"origin": "https://app.example", "access-control-request-method": "POST"}


def index_of(*names: str, cors: bool = False, **matches: Match) -> RouteIndex:
    """Index matches by name; a bare path stands for a match of that path, named by itself."""
    index = RouteIndex()
    every = [*matches.items(), *((path, Match(path=path)) for path in names)]
    random.Random(4).shuffle(every)
    for name, match in every:
        index.add(Candidate(name, match, answers_preflight=cors))
    return index


def request(
    method: str = "GET",
    path: str = "/",
    host: str = "api.example.com",
    headers: dict[str, str] | None = None,
    query: str | None = None,
) -> Request:
    return exchange(method, path, host=host, headers=headers or {}, query=query).request


def found(index: RouteIndex, *args: Any, **kwargs: Any) -> str:
    return index.find(request(*args, **kwargs)).name


def refused(index: RouteIndex, *args: Any, **kwargs: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        index.find(request(*args, **kwargs))
    return caught.value


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/a", "/a"),
        ("/a/", "/a/**"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/**"),
        ("/a/c", "/a/{x}"),
        ("/a/c/d", "/a/{x}/d"),
        ("/a/b/d", "/a/b/{y}"),
        ("/a/b/c/d", "/a/**"),
        ("/x/b", "/{p}/b"),
        ("/x/c", "/**"),
        ("/", "/"),
        ("//", "/**"),
        ("*", "/**"),
        ("/b/c/d/e", "/b/c/**"),
        ("/b/c", "/b/c/**"),
        ("/b/cc", "/b/**"),
    ],
)
def test_the_path_is_compared_segment_by_segment_and_the_most_specific_wins(
    path: str, route: str
) -> None:
    index = index_of(
        "/**", "/", "/a", "/a/**", "/a/b", "/a/{x}", "/a/{x}/d", "/a/b/{y}", "/{p}/b", "/b/**",
        "/b/c/**",
    )  # fmt: skip
    assert found(index, "GET", path) == route


def test_a_prefix_takes_itself_with_and_without_a_slash_and_nothing_beside() -> None:
    index = index_of("/a/**")
    assert [found(index, "GET", p) for p in ("/a", "/a/", "/a/b", "/a/b/")] == ["/a/**"] * 4
    assert refused(index, "GET", "/ab").problem is NO_ROUTE
    assert refused(index, "GET", "/").problem is NO_ROUTE


def test_a_parameter_takes_one_segment_that_is_not_empty() -> None:
    index = index_of("/a/{id}")
    assert found(index, "GET", "/a/1") == "/a/{id}"
    for path in ("/a/", "/a", "/a/1/2"):
        assert refused(index, "GET", path).problem is NO_ROUTE


def test_an_exact_host_comes_before_a_longer_wildcard_before_a_shorter_before_none() -> None:
    index = index_of(
        exact=Match(host="a.b.example.com"),
        longer=Match(host="*.b.example.com"),
        shorter=Match(host=["*.example.com", "other.test"]),
        none=Match(),
    )
    assert found(index, host="a.b.example.com") == "exact"
    assert found(index, host="c.b.example.com") == "longer"
    assert found(index, host="x.y.b.example.com") == "longer"
    assert found(index, host="b.example.com") == "shorter"
    assert found(index, host="other.test") == "shorter"
    assert found(index, host="example.com") == "none"
    assert found(index, host="badexample.com") == "none"
    assert found(index, host="[::1]") == "none"


def test_the_host_decides_before_the_path() -> None:
    index = index_of(host=Match(host="a.test", path="/**"), path=Match(path="/x"))
    assert found(index, path="/x", host="a.test") == "host"


def test_a_host_without_a_fitting_path_leaves_the_request_to_less_specific_hosts() -> None:
    index = index_of(
        exact=Match(host="a.b.test", path="/x"),
        wildcard=Match(host="*.b.test", path="/y"),
        none=Match(path="/z"),
    )
    assert [found(index, path=p, host="a.b.test") for p in ("/x", "/y", "/z")] == [
        "exact", "wildcard", "none",
    ]  # fmt: skip
    assert refused(index, path="/none", host="a.b.test").problem is NO_ROUTE


def test_more_header_and_query_matches_win_then_methods_then_the_name() -> None:
    index = index_of(
        two=Match(path="/a", headers={"x-a": "1"}, query={"q": "1"}),
        one=Match(path="/a", headers={"x-a": "1"}),
        zebra=Match(path="/a", methods=["POST"]),
        bear=Match(path="/a"),
        cat=Match(path="/a"),
    )
    assert found(index, path="/a", headers={"x-a": "1"}, query="q=1") == "two"
    assert found(index, path="/a", headers={"x-a": "1"}, query="q=2") == "one"
    assert found(index, "POST", "/a") == "zebra"
    assert found(index, path="/a") == "bear"


def test_when_the_most_specific_fails_on_a_header_the_next_one_is_tried() -> None:
    index = index_of(
        canary=Match(path="/a/{id}", headers={"x-canary": True}),
        plain=Match(path="/a/**"),
    )
    assert found(index, path="/a/1", headers={"x-canary": ""}) == "canary"
    assert found(index, path="/a/1") == "plain"


def test_when_the_most_specific_fails_on_the_method_the_next_one_is_tried() -> None:
    index = index_of(read=Match(path="/a/b", methods=["GET"]), rest=Match(path="/a/**"))
    assert found(index, "GET", "/a/b") == "read"
    assert found(index, "DELETE", "/a/b") == "rest"


def test_get_takes_head_as_well() -> None:
    index = index_of(read=Match(methods=["GET"]), write=Match(methods=["POST"]))
    assert found(index, "HEAD") == "read"


def test_a_wrong_method_gets_405_with_the_methods_of_every_route_that_would_fit() -> None:
    index = index_of(
        read=Match(path="/a/{id}", methods=["GET"]),
        write=Match(path="/a/**", methods=["PUT", "DELETE"]),
        other=Match(path="/b", methods=["PATCH"]),
        special=Match(path="/a/**", methods=["POST"], headers={"x-special": "1"}),
    )
    error = refused(index, "POST", "/a/1")
    assert error.problem is METHOD_NOT_ALLOWED
    assert error.headers == ((b"allow", b"DELETE, GET, HEAD, PUT"),)
    assert refused(index, "POST", "/c").problem is NO_ROUTE


def test_a_method_is_compared_by_case() -> None:
    assert refused(index_of(read=Match(methods=["GET"])), "get").problem is METHOD_NOT_ALLOWED


def test_a_preflight_finds_the_route_that_takes_the_method_it_asks_for() -> None:
    index = index_of(
        cors=True, read=Match(path="/a", methods=["GET"]), write=Match(path="/a", methods=["POST"])
    )
    assert found(index, "OPTIONS", "/a", headers=PREFLIGHT) == "write"
    asked = PREFLIGHT | {"access-control-request-method": "GET"}
    assert found(index, "OPTIONS", "/a", headers=asked) == "read"


def test_a_preflight_for_a_method_that_nobody_takes_still_finds_who_can_say_so() -> None:
    index = index_of(cors=True, read=Match(path="/a", methods=["GET"]))
    asked = PREFLIGHT | {"access-control-request-method": "DELETE"}
    assert found(index, "OPTIONS", "/a", headers=asked) == "read"


def test_a_preflight_finds_the_route_of_the_headers_that_it_announces() -> None:
    index = index_of(
        cors=True,
        v2=Match(path="/a", headers={"x-version": "2"}, methods=["POST"]),
        plain=Match(path="/a"),
    )
    announced = PREFLIGHT | {"access-control-request-headers": "content-type,X-Version"}
    assert found(index, "OPTIONS", "/a", headers=announced) == "v2"
    assert found(index, "OPTIONS", "/a", headers=PREFLIGHT) == "plain"


def test_options_does_not_slip_past_a_route_that_has_nobody_to_answer_preflights() -> None:
    index = index_of(write=Match(path="/a", methods=["POST"]))
    error = refused(index, "OPTIONS", "/a", headers=PREFLIGHT)
    assert error.problem is METHOD_NOT_ALLOWED
    assert error.headers == ((b"allow", b"POST"),)


def test_options_without_the_marks_of_a_preflight_is_a_request_like_any_other() -> None:
    index = index_of(cors=True, write=Match(path="/a", methods=["POST"]))
    assert refused(index, "OPTIONS", "/a").problem is METHOD_NOT_ALLOWED
    for name, value in PREFLIGHT.items():
        assert preflight_method(request("OPTIONS", headers={name: value})) is None
    assert preflight_method(request("POST", headers=PREFLIGHT)) is None


def test_a_match_that_cannot_be_read_says_which_part() -> None:
    for match, part in (
        (Match(path="/a*"), "path"),
        (Match(host="a:80"), "host"),
        (Match(headers={"x y": True}), "headers"),
    ):
        with pytest.raises(MatchFault) as caught:
            Candidate("r", match, answers_preflight=False)
        assert caught.value.part == part


def steps_of(call: Callable[[], object]) -> int:
    """Count the lines that `call` executes."""
    lines = 0

    def trace(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return lines


@pytest.mark.parametrize("hit", [True, False])
def test_ten_thousand_routes_take_as_many_steps_as_ten(hit: bool) -> None:  # noqa: FBT001
    def steps(count: int) -> int:
        routes = {
            f"r{i}": Match(
                host=[f"h{i % 100}.test", f"*.w{i % 70}.test"],
                path=f"/v1/{'{tenant}' if i % 2 else 't'}/thing{i}/**",
                methods=["GET"],
            )
            for i in range(count)
        }
        index = index_of(**routes)
        path = "/v1/t/thing7/x/y" if hit else "/v1/t/nothing/x/y"
        hosts = ("h7.test", "a.w7.test", "nowhere.test")

        def look() -> None:
            for host in hosts:
                try:
                    index.find(request("GET", path, host))
                except Refused:
                    continue

        return steps_of(look)

    assert steps(10_000) == steps(10)


segments = st.sampled_from(["a", "b", "{x}", "{y}"])
patterns = st.builds(
    lambda parts, tail: "/" + "/".join(dict.fromkeys(parts)) + ("/**" if tail else ""),
    st.lists(segments, min_size=1, max_size=3),
    st.booleans(),
)
paths = st.lists(st.sampled_from(["a", "b", "c", ""]), max_size=4).map(lambda p: "/" + "/".join(p))


def fits(pattern: str, path: str) -> tuple[int, ...] | None:
    """Match one pattern the slow way: how specific each segment is, None when it does not fit."""
    wanted, given_ = pattern.split("/")[1:], path.split("/")[1:]
    ranks: list[int] = []
    for place, piece in enumerate(wanted):
        if piece == "**":
            return (*ranks, 1)
        if place == len(given_) or (piece[0] == "{" and not given_[place]):
            return None
        if piece[0] != "{" and piece != given_[place]:
            return None
        ranks.append(2 if piece[0] == "{" else 3)
    return (*ranks, 9) if len(wanted) == len(given_) else None


@given(st.sets(patterns, min_size=1, max_size=8), paths)
def test_the_index_finds_what_trying_every_route_would_find(written: set[str], path: str) -> None:
    fitting = [(fits(p, path), p) for p in written if fits(p, path) is not None]
    index = index_of(*written)
    if not fitting:
        assert refused(index, "GET", path).problem is NO_ROUTE
        return
    best = max(rank for rank, _ in fitting if rank is not None)
    assert found(index, "GET", path) == min(p for rank, p in fitting if rank == best)
