from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sluicegate.errors import BAD_TARGET, MALFORMED, NOT_IMPLEMENTED, Refused
from sluicegate.wire.target import CLEAN, Target, normalise, parse_host, parse_target

paths = st.lists(
    st.sampled_from(
        [b"/", b"//", b".", b"..", b"a", b"B", b"%", b"2", b"e", b"f", b"5", b"c", b"0", b"%2e",
         b"%41", b"%25", b"%20", b"%c3%a9", b"%2F", b"\\", b";", b"~", b"|", b"%7e"]
    ),
    max_size=14,
).map(lambda pieces: b"/" + b"".join(pieces))  # fmt: skip


def refusal(method: str, target: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        parse_target(method, target)
    return caught.value


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", None),
        (b"/a/b", "/a/b", None),
        (b"/a/", "/a/", None),
        (b"/a?", "/a", b""),
        (b"/a?b=%zz&c=?/..//", "/a", b"b=%zz&c=?/..//"),
        (b"/?\xc3\xa9", "/", b"\xc3\xa9"),
        (b"/%7euser/%41", "/~user/A", None),
        (b"/caf%c3%a9", "/caf%C3%A9", None),
        (b"/a%3fb%23c", "/a%3Fb%23c", None),
        (b"/100%25", "/100%25", None),
        (b"/%2541", "/%2541", None),
        (b"//a///b//", "/a/b/", None),
        (b"/a/./b/../c", "/a/c", None),
        (b"/a/%2e%2E/b", "/b", None),
        (b"/a//../b", "/b", None),
        (b"/a/..", "/", None),
        (b"/a/.", "/a/", None),
        (b"/.well-known/x", "/.well-known/x", None),
        (b"/...", "/...", None),
        (b"/a..b/..c", "/a..b/..c", None),
    ],
)
def test_the_path_takes_its_one_form_and_the_query_stays_raw(
    target: bytes, path: str, query: bytes | None
) -> None:
    assert parse_target("GET", target) == Target(None, path, query)


@pytest.mark.parametrize("character", list("!$&'()*+,;=:@-._~|\"<>^`{}[]"))
def test_whatever_browsers_send_raw_in_a_path_is_passed_on_as_it_is(character: str) -> None:
    target = f"/a{character}b/{character}c".encode()
    assert parse_target("GET", target).path == target.decode()


@pytest.mark.parametrize(
    "target",
    [
        b"/a%", b"/a%2", b"/a%zz", b"/a%%41", b"/a\\b", b"/a%5cb", b"/a\x00", b"/a%00", b"/a%1f",
        b"/a%7F", b"/a\x7f", b"/a\t", b"/a b", b"/a#b", b"/caf\xc3\xa9", b"/a%2fb", b"/a%2Fb",
        b"/%252e%252e/b", b"/%252f", b"/%255c", b"/%2525", b"/%2500", b"/%25%32%65", b"/%257f",
        b"/..", b"/../a", b"/a/../../b", b"/%2e%2e", b"/a/..;/b", b"/a/..;x=1/b", b"/a/.;/b",
        b"/a/%2e.;/b", b"/a/..%3b/b", b"/a?b#c", b"/a?b\x00", b"/a?b c", b"/a?\x7f", b"/a?b\r\n",
        b"", b"a", b"?a=1", b"*", b"example.com:443", b"ftp://example.com/", b"http:/a", b"http://",
        b"http:///a", b"http://user@example.com/", b"http://a b/", b"http://a,b/", b"/a\n",
    ],
)  # fmt: skip
def test_an_ambiguous_or_malformed_target_is_refused(target: bytes) -> None:
    assert refusal("GET", target).problem is BAD_TARGET


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://example.com/a?b", Target(b"example.com", "/a", b"b")),
        (b"HTTPS://Example.com:8443/a", Target(b"Example.com:8443", "/a", None)),
        (b"http://[::1]:80/%7e", Target(b"[::1]:80", "/~", None)),
        (b"http://example.com", Target(b"example.com", "/", None)),
        (b"http://example.com?x=http://y", Target(b"example.com", "/", b"x=http://y")),
        (b"http://example.com//a/../b", Target(b"example.com", "/b", None)),
    ],
)
def test_an_absolute_target_carries_its_own_host(target: bytes, expected: Target) -> None:
    assert parse_target("GET", target) == expected


def test_the_asterisk_is_for_options_only() -> None:
    assert parse_target("OPTIONS", b"*") == Target(None, "*", None)
    assert parse_target("OPTIONS", b"http://example.com") == Target(b"example.com", "*", None)
    assert parse_target("OPTIONS", b"http://example.com/").path == "/"
    assert refusal("GET", b"*").problem is BAD_TARGET


def test_connect_is_not_implemented() -> None:
    assert refusal("CONNECT", b"example.com:443").problem is NOT_IMPLEMENTED


@given(paths)
@example(b"/%25%32%65")
@example(b"/a/%2e%2e//..")
def test_the_path_rule_applied_twice_is_the_path_rule_applied_once(path: bytes) -> None:
    try:
        once = normalise(path)
    except Refused:
        return
    assert normalise(once) == once
    assert once.startswith(b"/")
    assert not re.search(rb"//|/\.\.?(?:/|$)|\\|[\x00-\x20\x7f-\xff#]", once)
    assert not re.search(rb"%(?![0-9A-F]{2})|%(?:2E|2F|5C|[01].|7[EF])", once)


@given(paths)
def test_a_path_that_is_taken_unread_is_one_that_the_rule_would_not_change(path: bytes) -> None:
    if CLEAN.fullmatch(path):
        assert normalise(path) == path


@given(st.binary(max_size=24))
def test_any_bytes_after_a_slash_are_parsed_or_refused(tail: bytes) -> None:
    try:
        target = parse_target("GET", b"/" + tail)
    except Refused:
        return
    assert target.path.isascii()
    assert target.path.startswith("/")
    assert target.query is None or not re.search(rb"[\x00-\x20\x7f#]", target.query)


def test_a_long_hostile_target_is_read_in_one_pass() -> None:
    assert parse_target("GET", b"/a" * 4000 + b"/.").path.endswith("/a/")
    assert refusal("GET", b"/" + b"." * 8000 + b"%").problem is BAD_TARGET


@pytest.mark.parametrize(
    ("value", "host"),
    [
        (b"example.com", "example.com"),
        (b"API.Example.COM:8080", "api.example.com"),
        (b"example.com.", "example.com"),
        (b"example.com.:443", "example.com"),
        (b"example.com:", "example.com"),
        (b"localhost", "localhost"),
        (b"my_service:1", "my_service"),
        (b"xn--bcher-kva.example", "xn--bcher-kva.example"),
        (b"10.0.0.5:65535", "10.0.0.5"),
        (b"[::1]:80", "[::1]"),
        (b"[2001:DB8:0:0::1]", "[2001:db8::1]"),
    ],
)
def test_a_host_loses_its_port_its_case_and_its_trailing_dot(value: bytes, host: str) -> None:
    assert parse_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        b"", b".", b":80", b"a..b", b".a", b"a..", b"user@a", b"a b", b" a", b"a,b", b"a/b", b"a?b",
        b"a:b", b"a:1:2", b"a:65536", b"a:+1", b"a\x00", b"\xc3\xa9", b"[::1", b"::1", b"[1.2.3.4]",
        b"[::g]", b"[fe80::1%eth0]", b"[v1.a]", b"a" * 256, b"a%41", b"[]", b"a\n", b"a:80\n",
    ],
)  # fmt: skip
def test_anything_else_is_not_a_host(value: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse_host(value)
    assert caught.value.problem is MALFORMED


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a/b%2Fc", "/a/b%2Fc"),
        (b"/a/b%2fc?x=%2F", "/a/b%2Fc"),
        (b"/a/../b%2f..%2Fc", "/b%2F..%2Fc"),
    ],
)
def test_a_server_that_asks_for_it_gets_encoded_slashes_as_no_separators(
    target: bytes, path: str
) -> None:
    assert parse_target("GET", target, True).path == path
    with pytest.raises(Refused):
        parse_target("GET", target)


@pytest.mark.parametrize("target", [b"/%5C", b"/%00", b"/%252F", b"/%2", b"/%7F"])
def test_such_a_server_gets_nothing_else_that_others_do_not(target: bytes) -> None:
    with pytest.raises(Refused):
        parse_target("GET", target, True)
