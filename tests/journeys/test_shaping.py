"""What the service and the client get to see: bodies that change, routes that are closed."""

from __future__ import annotations

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from support.front import front, opened
from support.upstreams import Talk, answering, chunked, echo, reset, response

HEAD = b"%b / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
JSON = {"Content-Type": "application/json"}
NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def uses(*policies: dict[str, Any]) -> dict[str, Any]:
    return {"policies": list(policies)}


EDIT = {
    "json": {
        "request": {"set": {"user.id": 7}, "remove": ["secret"]},
        "response": {"set": {"served.by": "gateway"}, "remove": ["items.0.cost"]},
        "max_size": "1KiB",
    }
}
GIVEN = b'{"secret": "x", "n": 1.50}'
WANTED = b'{"n":1.50,"user":{"id":7}}'


# --- json, towards the service --------------------------------------------------------------------


def test_a_changed_request_arrives_with_its_own_length(tmp_path: Path) -> None:
    sent = HEAD % b"POST" + b"Content-Length: %d\r\n\r\n" % len(GIVEN) + GIVEN
    with front(tmp_path, answering(response()), route=uses(EDIT)) as at, at.connect() as client:
        assert client.request(sent).status == 200
        assert client.request(NEXT).status == 200
        first, second = at.upstream.requests
        assert (first.body, first.get(b"content-length")) == (WANTED, b"%d" % len(WANTED))
        assert second.target == b"/next"


def test_a_chunked_request_is_changed_and_its_length_known(tmp_path: Path) -> None:
    sent = HEAD % b"POST" + b"Transfer-Encoding: chunked\r\n\r\n"
    with front(tmp_path, answering(response()), route=uses(EDIT)) as at, at.connect() as client:
        client.send(sent)
        for byte in GIVEN:
            client.send(b"1\r\n%c\r\n" % byte)
        assert client.request(b"0\r\nX-Trailer: 1\r\n\r\n").status == 200
        (received,) = at.upstream.requests
        assert received.body == WANTED
        assert received.all(b"transfer-encoding") == []


def test_a_client_that_waits_for_100_is_asked_for_its_body(tmp_path: Path) -> None:
    sent = HEAD % b"POST" + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(GIVEN)
    with front(tmp_path, answering(response()), route=uses(EDIT)) as at, at.connect() as client:
        client.send(sent)
        assert client.head().status == 100
        assert client.request(GIVEN).status == 200
        assert at.upstream.requests[0].body == WANTED


def test_a_changed_request_can_be_sent_again(tmp_path: Path) -> None:
    sent = HEAD % b"PUT" + b"Content-Length: %d\r\n\r\n" % len(GIVEN) + GIVEN
    balance = {"balance": "weighted_round_robin"}
    scripts = (reset, answering(response()))
    with (
        front(tmp_path, *scripts, service=balance, route=uses(EDIT)) as at,
        at.connect() as client,
    ):
        for _ in range(2):
            assert client.request(sent).status == 200
        received = [one.body for upstream in at.upstreams for one in upstream.requests]
        assert received == [WANTED] * len(received)
        assert len(received) >= 3


def test_a_request_that_is_no_json_never_reaches_the_service(tmp_path: Path) -> None:
    sent = HEAD % b"POST" + b"Content-Length: 12\r\n\r\n" + b'{"a": wrong}'
    cors = {"cors": {"origins": ["https://app.example.com"]}}
    sent = sent.replace(b"Host: a", b"Host: a\r\nOrigin: https://app.example.com")
    with front(tmp_path, echo, route=uses(EDIT, cors)) as at, at.connect() as client:
        answer = client.request(sent)
        assert answer.status == 400
        assert "no JSON near byte" in json.loads(answer.body)["detail"]
        assert answer.get("access-control-allow-origin") == "https://app.example.com"
        assert client.request(NEXT).status == 200
        assert len(at.upstream.requests) == 1


@pytest.mark.parametrize("framing", [b"Content-Length: 2000", b"Transfer-Encoding: chunked"])
def test_a_request_over_the_bound_gets_413(tmp_path: Path, framing: bytes) -> None:
    body = b"7d0\r\n" + b" " * 2000 if b"chunked" in framing else b""
    with front(tmp_path, echo, route=uses(EDIT)) as at, at.connect() as client:
        answer = client.request(HEAD % b"POST" + framing + b"\r\n\r\n" + body)
        assert answer.status == 413
        assert at.upstream.requests == []


# --- json, towards the client ---------------------------------------------------------------------


@pytest.mark.parametrize("framed", ["length", "chunks"])
def test_a_changed_response_has_its_own_length(tmp_path: Path, framed: str) -> None:
    body = b'{"items": [{"cost": 3, "id": 1}], "served": {"at": "here"}}'
    told = {**JSON, "ETag": '"v1"', "Digest": "sha-256=x"}
    whole = response(headers=told, body=body)
    script = answering(whole if framed == "length" else chunked(*_each(body), headers=told))
    with front(tmp_path, script, route=uses(EDIT)) as at, at.connect() as client:
        asked = b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nRange: bytes=0-3\r\n\r\n"
        answer = client.request(asked)
        wanted = b'{"items":[{"id":1}],"served":{"at":"here","by":"gateway"}}'
        assert (answer.body, answer.get("content-length")) == (wanted, str(len(wanted)))
        assert (answer.get("etag"), answer.get("digest")) == ('W/"v1"', None)
        (received,) = at.upstream.requests
        assert received.all(b"accept-encoding") == [b"identity"]
        assert received.get(b"range") is None


def test_head_and_304_are_answered_without_a_body(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
    same = b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n'
    with (
        front(tmp_path, answering(head, same), route=uses(EDIT)) as at,
        at.connect() as client,
    ):
        answer = client.request(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", head=True)
        assert (answer.status, answer.get("content-length")) == (200, None)
        answer = client.request(b'GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: W/"v1"\r\n\r\n')
        assert (answer.status, answer.get("etag")) == (304, '"v1"')


def test_what_is_no_json_streams_through_while_it_comes(tmp_path: Path) -> None:
    gate = threading.Event()

    async def stream(talk: Talk) -> None:
        await talk.request()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        await talk.send(head + b"Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")
        await opened(gate)
        await talk.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    with front(tmp_path, stream, route=uses(EDIT)) as at, at.connect() as client:
        client.send(NEXT)
        assert client.head().get("content-type") == "text/event-stream"
        assert client.chunk() == b"data: 1\n\n"
        gate.set()
        assert client.chunk() == b"data: 2\n\n"


def test_a_compressed_response_passes_untouched_and_is_counted(tmp_path: Path) -> None:
    packed = gzip.compress(b"{}")
    script = answering(response(headers={**JSON, "Content-Encoding": "gzip"}, body=packed))
    with front(tmp_path, script, route=uses(EDIT)) as at, at.connect() as client:
        assert client.request(NEXT).body == packed
        counted = at.plane.counted
        assert counted("sluicegate_json_untouched_total", "route:all", "response", "coded") == 1


def test_a_response_over_the_bound_is_a_502(tmp_path: Path) -> None:
    script = answering(response(headers=JSON, body=b" " * 1025))
    with front(tmp_path, script, route=uses(EDIT)) as at, at.connect() as client:
        assert client.request(NEXT).status == 502


def _each(body: bytes) -> list[bytes]:
    return [body[at : at + 5] for at in range(0, len(body), 5)]


# --- maintenance ----------------------------------------------------------------------------------


def test_a_closed_route_says_when_to_come_back_and_pages_may_read_it(tmp_path: Path) -> None:
    policies = uses(
        {"maintenance": {"retry_after": "2m", "detail": "back soon"}},
        {"cors": {"origins": ["https://app.example.com"]}},
        {"headers": {"response": {"set": {"x-a": "1"}}}},
    )
    asked = b"%b / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example.com\r\n\r\n"
    with front(tmp_path, echo, route=policies) as at, at.connect() as client:
        for method in (b"GET", b"HEAD"):
            answer = client.request(asked % method, head=method == b"HEAD")
            assert (answer.status, answer.get("retry-after")) == (503, "120")
            if method == b"GET":
                assert json.loads(answer.body)["detail"] == "back soon"
        assert at.upstream.requests == []
        assert client.request(asked % b"DELETE").status == 503


def test_those_who_work_on_it_reach_the_service(tmp_path: Path) -> None:
    policies = uses({"maintenance": {"except": ["127.0.0.0/8"]}})
    with front(tmp_path, echo, route=policies) as at, at.connect() as client:
        assert client.request(NEXT).status == 200
        assert len(at.upstream.requests) == 1
