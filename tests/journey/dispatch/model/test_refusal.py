from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sluicegate.headers import Headers
from sluicegate.journey.dispatch.model.refusal import read_refusal, unfit_head, without_key
from sluicegate.llm.dialects import find
from sluicegate.llm.failure import Failure
from support.links import KEY, link

SAID = {"error": {"message": f"wrong key {KEY}", "code": "context_length_exceeded"}}
AS_SAID = json.dumps(SAID).encode()


def refused(status: int, body: bytes, *, translated: bool = False) -> tuple[Failure, bytes | None]:
    request = object() if translated else None
    passage: Any = SimpleNamespace(dialect=find("openai_chat"), request=request)
    return read_refusal(link("openai"), cast("Any", passage), status, {}, body)


def test_the_vendors_own_words_are_kept_for_callers_of_its_dialect_without_our_key() -> None:
    failure, raw = refused(400, AS_SAID)
    assert failure.kind == "context_length"
    assert raw == AS_SAID.replace(KEY.encode(), b"[redacted]")
    assert KEY not in failure.message


def test_callers_of_another_dialect_get_none_of_its_bytes() -> None:
    assert refused(400, AS_SAID, translated=True)[1] is None


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b'["error"]', b'{"error":"text"}', b'{"error":{"a"', b"\xff"]
)
def test_what_no_sdk_would_take_for_an_error_is_not_passed_on(body: bytes) -> None:
    failure, raw = refused(503, body)
    assert (failure.kind, raw) == ("overloaded", None)


def test_nobody_follows_a_redirect() -> None:
    failure, raw = refused(302, AS_SAID)
    assert (failure.kind, failure.status, raw) == ("bad_answer", 502, None)


def test_our_key_is_taken_out_of_what_a_stream_says() -> None:
    made = link("openai")
    failure = Failure(kind="server_error", status=500, message=f"no: {KEY}", code="c")
    assert without_key(failure, made).message == "no: [redacted]"
    assert without_key(failure, made).code == "c"
    plain = Failure(kind="server_error", status=500, message="no")
    assert without_key(plain, made) is plain


EVENTS = b"text/event-stream"


def headers(**fields: str) -> Headers:
    pairs = fields.items()
    return Headers([(name.replace("_", "-").encode(), text.encode()) for name, text in pairs])


@pytest.mark.parametrize(
    ("status", "fields", "stream", "said"),
    [
        (200, {"content_type": "application/json"}, b"", None),
        (200, {"content_type": "Text/Event-Stream; charset=utf-8"}, EVENTS, None),
        (200, {"content_encoding": "identity"}, b"", None),
        (101, {}, b"", "switches to another protocol"),
        (200, {"content_encoding": "gzip"}, b"", "is compressed"),
        (200, {"content_type": "application/json"}, EVENTS, "is not a stream"),
    ],
)
def test_a_head_is_that_of_what_was_asked_for(
    status: int, fields: dict[str, str], stream: bytes, said: str | None
) -> None:
    found = unfit_head(status, headers(**fields), stream)
    assert (found is None) == (said is None)
    if found is not None and said is not None:
        assert said in found.message
