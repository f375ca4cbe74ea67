"""Whatever is malformed, ambiguous or too large: refused, closed, and nothing of it passed on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from support.front import Front, front, settles
from support.raw_http import Answer
from support.upstreams import echo

HOST = b"Host: a.example\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = GET + b"\r\n"

MALFORMED = {
    "a length and chunks": POST
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths that agree": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na",
    "two lengths that differ": POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "two lengths in one": POST + b"Content-Length: 1, 1\r\n\r\na",
    "a signed length": POST + b"Content-Length: +1\r\n\r\na",
    "a negative length": POST + b"Content-Length: -1\r\n\r\na",
    "a length with an underscore": POST + b"Content-Length: 1_0\r\n\r\n0123456789",
    "a hexadecimal length": POST + b"Content-Length: 0x1\r\n\r\na",
    "a length with a space inside": POST + b"Content-Length: 1 1\r\n\r\n01234567890",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a length past 64 bits": POST + b"Content-Length: 99999999999999999999\r\n\r\na",
    "a length in full-width digits": POST + b"Content-Length: \xef\xbc\x91\r\n\r\na",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two fields": POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n",
    "a coding on a folded line": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a coding with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": GET + b"X-A: b\r\n c\r\n\r\n",
    "a line that begins with a tab": GET + b"X-A: b\r\n\tc\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n Host: a.example\r\n\r\n",
    "bare LF all over": b"GET / HTTP/1.1\nHost: a.example\n\n",
    "bare LF after a header": GET + b"X-A: b\nX-C: d\r\n\r\n",
    "bare LF at the end": GET + b"X-A: b\r\n\n",
    "bare CR in a value": GET + b"X-A: b\rX-C: d\r\n\r\n",
    "bare CR in the request line": b"GET / HTTP/1.1\rX: y\r\n" + HOST + b"\r\n",
    "two CR before LF": b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n",
    "NUL in a value": GET + b"X-A: b\0c\r\n\r\n",
    "NUL in a name": GET + b"X\0A: b\r\n\r\n",
    "a control character in a value": GET + b"X-A: b\x01c\r\n\r\n",
    "a space before the colon": GET + b"X-A : b\r\n\r\n",
    "a tab before the colon": GET + b"X-A\t: b\r\n\r\n",
    "a length with a space before its colon": POST + b"Content-Length : 1\r\n\r\na",
    "a space in a name": GET + b"X A: b\r\n\r\n",
    "a name that is not ASCII": GET + b"X-\xe4: b\r\n\r\n",
    "a line without a colon": GET + b"X-A\r\n\r\n",
    "an empty name": GET + b": b\r\n\r\n",
    "two hosts": GET + b"Host: b.example\r\n\r\n",
    "the same host twice": GET + HOST + b"\r\n",
    "two hosts beside an absolute target": b"GET http://a.example/ HTTP/1.1\r\n"
    + HOST
    + b"Host: b.example\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "an empty host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "a host with user information": b"GET / HTTP/1.1\r\nHost: me@a.example\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n",
    "a list of hosts": b"GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n",
    "a host with a port out of range": b"GET / HTTP/1.1\r\nHost: a.example:65536\r\n\r\n",
    "a bad host beside an absolute target": b"GET http://a.example/ HTTP/1.1\r\nHost: a b\r\n\r\n",
    "an absolute target without a host header": b"GET http://a.example/ HTTP/1.1\r\n\r\n",
    "an underscore in a name": GET + b"X_A: b\r\n\r\n",
    "an underscore in a name of ours": GET + b"Sluicegate_Consumer: root\r\n\r\n",
    "an underscore in a forwarding field": GET + b"X_Forwarded_For: 10.0.0.1\r\n\r\n",
    "an underscore in a length": POST + b"Content_Length: 5\r\n\r\n",
    "a target with a space": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target with a backslash": b"GET /a\\b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target without a slash": b"GET a HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target that is not ASCII": b"GET /\xc3\xa4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target with a fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target that climbs out": b"GET /../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target with an encoded slash": b"GET /a%2fb HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space before the method": b" GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tab after the method": b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "a version in lower case": b"GET / http/1.1\r\n" + HOST + b"\r\n",
    "a version that is none": b"GET / HTTP/1.x\r\n" + HOST + b"\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
    "binary noise": bytes(range(255, 0, -1)),
}

CHUNKS = {
    "a chunk size with 0x": b"0x1\r\na\r\n0\r\n\r\n",
    "a signed chunk size": b"+1\r\na\r\n0\r\n\r\n",
    "a negative chunk size": b"-1\r\na\r\n0\r\n\r\n",
    "a chunk size with an underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "a chunk size with a space": b"1 \r\na\r\n0\r\n\r\n",
    "a space before a chunk size": b" 1\r\na\r\n0\r\n\r\n",
    "no chunk size": b"\r\na\r\n0\r\n\r\n",
    "a chunk size that is no number": b"z\r\na\r\n0\r\n\r\n",
    "a chunk size past 64 bits": b"10000000000000001\r\na\r\n0\r\n\r\n",
    "bare LF after a chunk size": b"1\na\r\n0\r\n\r\n",
    "bare CR after a chunk size": b"1\ra\r\n0\r\n\r\n",
    "bare LF after a chunk": b"1\r\na\n0\r\n\r\n",
    "a chunk longer than its size": b"1\r\nab\r\n0\r\n\r\n",
    "a chunk shorter than its size": b"3\r\na\r\n0\r\n\r\n",
    "LF in a chunk extension": b"1;a\nb\r\na\r\n0\r\n\r\n",
    "CR in a chunk extension": b"1;a\rb\r\na\r\n0\r\n\r\n",
    "NUL in a chunk extension": b"1;a\0\r\na\r\n0\r\n\r\n",
    "bare LF after the last chunk": b"0\n\r\n",
    "a trailer without a colon": b"0\r\nX y\r\n\r\n",
    "a folded trailer": b"0\r\nX-A: b\r\n c\r\n\r\n",
    "NUL in a trailer": b"0\r\nX-A: \0\r\n\r\n",
}

OTHERS = {
    "identity and a length": (
        POST + b"Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
        501,
    ),
    "an unknown coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "a coding below chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked with a parameter": (POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501),
    "chunked below a coding": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "an unknown method": (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "a method in lower case": (b"get / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "CONNECT": (b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 501),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 505),
    "HTTP/2 by name": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "HTTP/0.9 by name": (b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", 505),
    "HTTP/0.9 without a version": (b"GET /\r\n\r\n", 505),
    "an unknown expectation": (POST + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417),
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Return a gateway with small bounds before an upstream that would answer anything."""
    small = {
        "max_headers": 20,
        "max_header_bytes": 4096,
        "max_target": 1000,
        "max_body": 100_000,
    }
    with front(tmp_path_factory.mktemp("strict"), echo, http=small) as at:
        yield at


def refused(at: Front, sent: bytes, status: int, slug: str | None = None) -> Answer:
    """Send bytes and a request behind them; nothing but one problem may come back, then the end."""
    before = len(at.upstream.requests)
    with at.connect() as client:
        client.send(sent)
        answer = client.answer()
        assert client.read_all() == b""
    assert answer.status == status
    problem = json.loads(answer.body)
    assert answer.get("content-type") == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"].startswith("urn:sluicegate:problem:")
    if slug is not None:
        assert problem["type"] == "urn:sluicegate:problem:" + slug
    assert answer.get("connection") == "close"
    settles(at)
    assert len(at.upstream.requests) == before
    return answer


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_head_gets_400_and_nothing_is_forwarded(strict: Front, name: str) -> None:
    refused(strict, MALFORMED[name] + NEXT, 400)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_spoken_here_is_refused_by_its_status(strict: Front, name: str) -> None:
    sent, status = OTHERS[name]
    refused(strict, sent + NEXT, status)


@pytest.mark.parametrize("name", ["a length and chunks", "bare LF after a header", "two hosts"])
def test_a_malformed_head_is_refused_byte_by_byte_as_well(strict: Front, name: str) -> None:
    with strict.connect() as client:
        for byte in MALFORMED[name].rstrip(b"a"):
            try:
                client.send(bytes([byte]))
            except ConnectionError:
                break
        assert client.answer().status == 400


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks_get_400_and_no_whole_request_is_forwarded(strict: Front, name: str) -> None:
    bodies = len(strict.upstream.requests)
    with strict.connect() as client:
        client.send(CHUNKED + CHUNKS[name] + NEXT)
        answer = client.answer()
        assert (answer.status, answer.get("connection")) == (400, "close")
        assert json.loads(answer.body)["type"] == "urn:sluicegate:problem:malformed-request"
        assert client.read_all() == b""
    settles(strict)
    # Its head may have gone out before the bad chunk was seen, but never an end of its body:
    # the script that answers whole requests has not come to the next one.
    assert all(seen.trailers == [] for seen in strict.upstream.requests[bodies:])
    assert NEXT not in b"".join(seen.body for seen in strict.upstream.requests[bodies:])
    strict.wait(lambda: not strict.upstream.open, "the attempt's connection is gone")


def test_bad_chunks_after_good_ones_cut_the_attempt(strict: Front) -> None:
    with strict.connect() as client:
        client.send(CHUNKED + b"3\r\nabc\r\n")
        strict.wait(lambda: strict.in_flight, "the request is on its way")
        client.send(b"zz\r\n")
        assert client.answer().status == 400
        assert client.closed()
    strict.wait(lambda: not strict.upstream.open, "the upstream sees no end but a cut")


def test_a_chunk_extension_is_read_over_and_not_passed_on(strict: Front) -> None:
    with strict.connect() as client:
        answer = client.request(CHUNKED + b'1;a="b";c\r\nx\r\n0\r\n\r\n')
    assert answer.status == 200
    assert strict.upstream.requests[-1].body == b"x"
    assert b"c" not in strict.upstream.requests[-1].raw_head.partition(b"\r\n\r\n")[2]


def test_a_header_too_many_gets_431(strict: Front) -> None:
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(40))
    refused(strict, GET + lines + b"\r\n", 431, "headers-too-large")


def test_headers_of_one_special_name_are_bounded_too(strict: Front) -> None:
    refused(strict, GET + b"X-Forwarded-For: 192.0.2.1\r\n" * 400 + b"\r\n", 431)


def test_a_header_too_large_gets_431(strict: Front) -> None:
    refused(strict, GET + b"X-A: " + b"a" * 5000 + b"\r\n\r\n", 431, "headers-too-large")


def test_a_header_that_never_ends_gets_431_without_waiting_for_its_end(strict: Front) -> None:
    with strict.connect() as client:
        client.send(GET + b"X-A: ")
        for _ in range(8):
            client.send(b"a" * 1000)
        answer = client.answer()
    assert answer.status == 431


def test_a_target_too_long_gets_414(strict: Front) -> None:
    refused(strict, b"GET /" + b"a" * 1000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414)


def test_a_target_that_never_ends_gets_414(strict: Front) -> None:
    with strict.connect() as client:
        client.send(b"GET /")
        for _ in range(3):
            client.send(b"a" * 500)
        assert client.answer().status == 414


def test_an_announced_body_too_large_gets_413_before_any_of_it(strict: Front) -> None:
    refused(strict, POST + b"Content-Length: 100001\r\n\r\n", 413, "body-too-large")


def test_a_body_of_the_largest_size_passes(strict: Front) -> None:
    with strict.connect() as client:
        answer = client.request(POST + b"Content-Length: 100000\r\n\r\n" + b"a" * 100_000)
    assert answer.status == 200
    assert strict.upstream.requests[-1].body == b"a" * 100_000


def test_a_chunked_body_too_large_gets_413_and_the_upstream_no_end(strict: Front) -> None:
    with strict.connect() as client:
        client.send(CHUNKED)
        piece = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
        for _ in range(7):
            client.send(piece)
        assert client.answer().status == 413
        client.read_all()
    strict.wait(lambda: not strict.upstream.open, "the attempt's connection is gone")
    assert strict.upstream.requests[-1].body.count(b"a" * 100_001) == 0


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (POST + b"Content-Length: 200000\r\n\r\n", 413),
        (POST + b"Content-Length: +9\r\n\r\n", 400),
        (GET + b"X-A: " + b"a" * 5000, 431),
    ],
)
def test_a_client_that_goes_on_sending_is_not_reset_before_it_has_read_why(
    strict: Front, head: bytes, status: int
) -> None:
    """RFC 9112, section 9.6: a close with unread bytes would reset the answer away."""
    with strict.connect() as client:
        client.send(head)
        assert client.answer().status == status
        assert client.closed()
        for _ in range(3):  # the second one would fail after a reset
            client.send(b"a" * 10_000)
            strict.do(lambda: None)


def test_a_client_that_never_stops_sending_is_ended_all_the_same(strict: Front) -> None:
    with strict.connect() as client:
        client.send(POST + b"Content-Length: 10000000\r\n\r\n")
        with pytest.raises(ConnectionError):
            client.send(b"a" * 10_000_000)


def test_an_answer_never_shows_internals(strict: Front) -> None:
    for sent in (MALFORMED["NUL in a value"], MALFORMED["binary noise"]):
        answer = refused(strict, sent, 400)
        text = answer.body.decode().lower()
        assert not any(word in text for word in ("traceback", "python", "llhttp", "127.0.0.1"))


def test_a_refused_request_is_in_the_access_log_and_the_metrics(strict: Front) -> None:
    before = strict.plane.counted("sluicegate_requests_total", "400")
    answer = refused(strict, MALFORMED["no host"], 400)
    request_id = answer.get("x-request-id")
    assert strict.plane.counted("sluicegate_requests_total", "400") == before + 1
    assert [line for line in strict.plane.logs if line["request_id"] == request_id]


def test_a_client_that_hangs_up_in_its_head_leaves_nothing_behind(strict: Front) -> None:
    with strict.connect() as client:
        client.send(b"GET / HTT")
    strict.wait(lambda: not strict.open, "the connection is forgotten")
    assert not strict.in_flight
