from __future__ import annotations

import pytest

from sluicegate.journey.route.patterns import PathPattern, parse_host_pattern, parse_path


@pytest.mark.parametrize(
    ("written", "pattern"),
    [
        ("/", PathPattern(("",), tail=False, params=())),
        ("/a/b", PathPattern(("a", "b"), tail=False, params=())),
        ("/a/", PathPattern(("a", ""), tail=False, params=())),
        ("/**", PathPattern((), tail=True, params=())),
        ("/a/**", PathPattern(("a",), tail=True, params=())),
        ("/a/{id}", PathPattern(("a", None), tail=False, params=(("id", 2),))),
        ("/{a}/x/{b}/**", PathPattern((None, "x", None), tail=True, params=(("a", 1), ("b", 3)))),
        ("/%7euser", PathPattern(("~user",), tail=False, params=())),
        ("/caf%c3%a9", PathPattern(("caf%C3%A9",), tail=False, params=())),
        ("/café", PathPattern(("caf%C3%A9",), tail=False, params=())),
        ("/.well-known/a.b", PathPattern((".well-known", "a.b"), tail=False, params=())),
    ],
)
def test_a_path_is_read_into_the_form_that_requests_are_matched_in(
    written: str, pattern: PathPattern
) -> None:
    assert parse_path(written) == pattern


@pytest.mark.parametrize(
    "written",
    [
        "/a//b", "//", "/a//**", "/a/*", "/a*", "/**/a", "/a/***", "/a/x{id}", "/{}", "/{a-b}",
        "/{a}/{a}", "/a b", "/a\\b", "/a%2fb", "/a%", "/a#b", "/a?b", "/../a", "/a/./b", "/a/%2e",
        "/a/..", "/%252e", "/x" * 65,
    ],
)  # fmt: skip
def test_a_path_that_no_request_can_have_is_a_fault(written: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no request|twice"):
        parse_path(written)


def test_a_host_is_exact_or_a_wildcard() -> None:
    assert parse_host_pattern("API.example.com") == (False, "api.example.com")
    assert parse_host_pattern("*.example.com") == (True, "example.com")
    assert parse_host_pattern("[::0:1]") == (False, "[::1]")


@pytest.mark.parametrize(
    "written",
    ["", "*", "*.", "a.*", "*a.example.com", "*.*.com", "a:80", "[::1]:80", "http://a", "a/b", "é"],
)
def test_anything_else_is_no_host(written: str) -> None:
    with pytest.raises(ValueError, match=r"expected `a\.example\.com`"):
        parse_host_pattern(written)
