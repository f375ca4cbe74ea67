from __future__ import annotations

import pytest

from support.configuration import faults_of, messages_of

SERVICE = "services: {s: {targets: ['http://a:1']}}\n"


def with_match(match: str) -> dict[str, str]:
    return messages_of(SERVICE + f"routes: {{x: {{match: {{{match}}}, service: s}}}}\n")


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/", "/a/{id}", "/a/{id}/b", "/**", "/a/**", "/{a}/{b}/**"]
)
def test_paths_are_exact_or_have_parameters_or_a_prefix(path: str) -> None:
    assert with_match(f"path: '{path}'") == {}


@pytest.mark.parametrize(
    "path",
    [
        *("/**/a", "/a*", "/a/*", "/a**", "/x{id}", "/{}", "/{id}/{id}", "/a//b", "/a/../b"),
        *("/a?b", "/a#b", "/a b", "/%zz", "/a%2Fb"),
    ],
)
def test_paths_that_no_request_has_are_refused(path: str) -> None:
    message = with_match(f"path: '{path}'")["routes.x.match.path"]
    assert message.startswith(f'"{path}": ')


def test_a_path_starts_with_a_slash() -> None:
    found = with_match("path: a/b")
    assert found == {"routes.x.match.path": 'found "a/b"; expected a path that starts with `/`'}


def test_hosts_are_names_without_a_port() -> None:
    assert with_match("host: [a.example.com, '*.example.com', '[::1]', 10.0.0.1]") == {}
    assert list(with_match("host: [a.example.com:80, 'a*.b', 'ok.org']")) == [
        "routes.x.match.host[0]",
        "routes.x.match.host[1]",
    ]
    assert list(with_match("host: a/b")) == ["routes.x.match.host"]


def test_empty_lists_match_nothing_and_are_refused() -> None:
    assert with_match("host: [], methods: []") == {
        "routes.x.match.host": "found 0 items; expected at least 1 item",
        "routes.x.match.methods": "found 0 items; expected at least 1 item",
    }


def test_header_names_and_upgrade_tokens_are_tokens() -> None:
    text = SERVICE + "routes: {x: {match: {headers: {'a b': 'c'}}, service: s, upgrade: ['h 2']}}"
    assert messages_of(text) == {
        'routes.x.match.headers["a b"]': "not the name of a header",
        "routes.x.upgrade[0]": "not an `Upgrade` token; expected one such as `websocket`",
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("path: /a", "path: /a"),
        ("path: '/a/{id}'", "path: '/a/{name}'"),
        ("path: /a, host: A.example.com", "path: /a, host: [b.org, a.example.com]"),
        ("path: /a, methods: [GET, POST]", "path: /a, methods: [PUT, GET]"),
        ("headers: {A: x, b: true}", "headers: {b: true, a: x}"),
        ("path: /%61", "path: /a"),
    ],
)
def test_routes_that_take_the_same_requests_are_refused_by_both_names(one: str, other: str) -> None:
    text = SERVICE + (
        f"routes:\n  x: {{match: {{{one}}}, service: s}}\n  y: {{match: {{{other}}}, service: s}}\n"
    )
    (fault,) = faults_of(text)
    assert (fault.path, fault.line) == ("routes.y.match", 4)
    assert fault.message == "takes the same requests as `routes.x`; expected a difference"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("path: /a", "path: /a/"),
        ("path: /a", "path: /a/**"),
        ("path: '/a/{id}'", "path: /a/b"),
        ("path: /a, methods: [GET]", "path: /a"),
        ("path: /a, host: a.org", "path: /a, host: '*.org'"),
        ("headers: {a: 'true'}", "headers: {a: true}"),
        ("query: {a: x}", "query: {A: x}"),
        ("headers: {a: x}", "query: {a: x}"),
    ],
)
def test_routes_that_differ_stand_side_by_side(one: str, other: str) -> None:
    text = SERVICE + (
        f"routes:\n  x: {{match: {{{one}}}, service: s}}\n  y: {{match: {{{other}}}, service: s}}\n"
    )
    assert faults_of(text) == []
