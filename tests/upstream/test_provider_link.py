"""A provider at run time: what it speaks, and the heads that are sent to it."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import CredentialsAway
from sluicegate.llm.failure import CallError
from support.links import KEY, link, parsed
from support.loops import run

BODY = b'{"model":"gpt"}'


def test_a_call_has_the_path_the_host_the_key_and_the_length() -> None:
    made = link("openai")
    head = made.head("openai_chat", "gpt", stream=False, body=BODY)
    assert parsed(head) == (
        "POST",
        "/v1/chat/completions",
        [
            ("host", "api.openai.com"),
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("content-type", "application/json"),
            ("authorization", f"Bearer {KEY}"),
            ("content-length", str(len(BODY))),
        ],
    )


def test_a_key_may_stand_in_a_header_of_its_own_and_elsewhere_for_some_dialects() -> None:
    _, _, fields = parsed(link("gemini").head("gemini_generate", "g", stream=False, body=BODY))
    assert ("x-goog-api-key", KEY) in fields
    _, _, fields = parsed(link("gemini").head("openai_embeddings", "g", stream=False, body=BODY))
    assert ("authorization", f"Bearer {KEY}") in fields
    assert "x-goog-api-key" not in dict(fields)


def test_a_stream_has_its_own_path_and_query() -> None:
    made = link("gemini")
    whole = parsed(made.head("gemini_generate", "g-1", stream=False, body=BODY))[1]
    stream = parsed(made.head("gemini_generate", "g-1", stream=True, body=BODY))[1]
    assert whole == "/v1beta/models/g-1:generateContent"
    assert stream == "/v1beta/models/g-1:streamGenerateContent?alt=sse"


BEDROCK = functools.cache(lambda: link("bedrock"))


@given(st.text(min_size=1, max_size=30).filter(lambda name: name not in (".", "..")))
def test_the_name_of_a_model_never_leaves_its_segment_of_the_path(name: str) -> None:
    try:
        head = BEDROCK().head("bedrock_converse", name, stream=False, body=BODY)
    except (CallError, UnicodeEncodeError):
        return
    _, target, _ = parsed(head)
    assert target.startswith("/model/")
    assert target.endswith("/converse")
    assert target.count("/") == 3
    assert "?" not in target


@pytest.mark.parametrize("name", ["", ".", "..", "%2e%2E"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(CallError):
        link("bedrock").head("bedrock_converse", name, stream=False, body=BODY)


def test_the_operators_headers_win_over_the_callers_and_those_over_the_vendors() -> None:
    made = link("anthropic", headers={"Anthropic-Beta": "ours"})
    plain = dict(parsed(made.head("anthropic_messages", "c", stream=True, body=BODY))[2])
    assert plain["anthropic-version"] == "2023-06-01"
    assert plain["anthropic-beta"] == "ours"
    callers = [(b"anthropic-version", b"2024-01-01"), (b"anthropic-beta", b"theirs")]
    fields = parsed(made.head("anthropic_messages", "c", stream=True, body=BODY, headers=callers))[
        2
    ]
    assert [value for name, value in fields if name == "anthropic-version"] == ["2024-01-01"]
    assert [value for name, value in fields if name == "anthropic-beta"] == ["ours"]


def test_any_number_of_models_is_asked_for_in_bounded_memory() -> None:
    made = link("gemini")
    for number in range(3000):
        made.head("gemini_generate", f"m{number}", stream=False, body=BODY)
    assert len(made._lines) <= 1024


def test_a_url_of_ones_own_may_have_a_path_and_a_port() -> None:
    made = link("openai", url="http://127.0.0.1:8081/llm/v1")
    _, target, fields = parsed(made.head("openai_chat", "m", stream=False, body=BODY))
    assert (target, dict(fields)["host"]) == ("/llm/v1/chat/completions", "127.0.0.1:8081")


def test_time_outs_are_those_of_the_provider() -> None:
    made = link("openai", timeouts={"connect": "2s", "first_token": "7s", "stall": "3s"})
    times = made.timeouts
    assert (times.connect, times.first_byte, times.idle, times.total) == (2, 7, 3, 0)


# --- dialects ---


def test_the_callers_dialect_is_spoken_where_the_provider_speaks_it() -> None:
    made = link("openai")
    assert made.speaks("openai_responses")
    assert not made.speaks("anthropic_messages")
    assert made.dialect_for("gpt", "openai_responses", None) == "openai_responses"
    assert made.dialect_for("gpt", "anthropic_messages", None) == "openai_chat"
    assert made.dialect_for("gpt", "openai_responses", "openai_chat") == "openai_chat"


def test_each_model_of_a_vendor_with_several_is_spoken_to_in_its_own() -> None:
    made = link("vertex")
    assert made.dialect_for("claude-x@1", "openai_chat", None) == "anthropic_messages"
    assert made.dialect_for("claude-x@1", "gemini_generate", None) == "anthropic_messages"
    assert made.dialect_for("gemini-x", "anthropic_messages", None) == "gemini_generate"
    assert made.dialect_for("meta/llama", "gemini_generate", None) == "openai_chat"


def test_only_the_dialects_that_the_operator_lists_are_spoken_in_that_order() -> None:
    made = link("openai", dialects=["openai_responses", "openai_chat"])
    assert made.dialects == ("openai_responses", "openai_chat")
    assert made.dialect_for("gpt", "anthropic_messages", None) == "openai_responses"
    assert not made.speaks("openai_embeddings")


def test_counting_is_translated_between_vendors_and_embeddings_are_not() -> None:
    made = link("gemini")
    counts = made.dialect_for("g", "anthropic_count_tokens", None)
    assert counts == "gemini_count_tokens"
    assert made.dialect_for("g", "openai_embeddings", "gemini_generate") == "openai_embeddings"
    with pytest.raises(CallError) as refused:
        link("anthropic").dialect_for("c", "openai_embeddings", None)
    assert refused.value.failure.kind == "unsupported"
    with pytest.raises(CallError):
        link("openai").dialect_for("gpt", "anthropic_count_tokens", None)


# --- as the client made it ---


def test_a_native_request_goes_on_with_our_key_in_place_of_the_clients() -> None:
    made = link("openai")
    head = made.native_head(
        "POST",
        "/files/a%20b",
        b"limit=2&key=theirs&after=x",
        b"{}",
        [
            (b"authorization", b"Bearer of-the-client"),
            (b"x-api-key", b"of-the-client"),
            (b"cookie", b"session"),
            (b"connection", b"keep-alive, x-hop"),
            (b"x-hop", b"1"),
            (b"x-forwarded-for", b"10.0.0.1"),
            (b"openai-organization", b"org-theirs"),
            (b"sluicegate-deployment", b"x"),
            (b"content-type", b"application/x-thing"),
            (b"x-custom", b"kept"),
        ],
    )
    method, target, fields = parsed(head)
    assert (method, target) == ("POST", "/v1/files/a%20b?limit=2&after=x")
    assert sorted(fields) == [
        ("accept-encoding", "identity"),
        ("authorization", f"Bearer {KEY}"),
        ("content-length", "2"),
        ("content-type", "application/x-thing"),
        ("host", "api.openai.com"),
        ("x-custom", "kept"),
    ]


def test_a_native_request_without_a_body_has_no_length() -> None:
    head = link("openai").native_head("GET", "/responses/resp_1", None, None, [])
    assert parsed(head)[1] == "/v1/responses/resp_1"
    assert b"content-length" not in head


def test_a_stored_object_is_where_its_dialect_is() -> None:
    made = link("azure")
    path = made.path("openai_responses") + "/resp_1"
    assert parsed(made.native_head("GET", path, None, None, []))[1] == "/openai/v1/responses/resp_1"


@pytest.mark.parametrize("path", ["files", "/../admin", "/a/%2e%2E/b", "/a/..", "/a%2f..%2fb"])
def test_a_native_path_never_leaves_the_url(path: str) -> None:
    with pytest.raises(CallError):
        link("openai").native_head("GET", path, None, None, [])


def test_a_native_request_has_the_key_where_its_part_of_the_vendor_wants_it() -> None:
    head = link("azure").native_head("POST", "/anthropic/v1/messages/batches", None, b"{}", [])
    assert dict(parsed(head)[2])["x-api-key"] == KEY
    head = link("azure").native_head("GET", "/openai/v1/files", None, None, [])
    assert dict(parsed(head)[2])["api-key"] == KEY


# --- credentials ---


def test_our_key_is_taken_out_of_whatever_holds_it() -> None:
    made = link("openai", headers={"X-Second": "another-secret"})
    told = f"Incorrect API key provided: {KEY}, another-secret.".encode()
    assert made.redact(told) == b"Incorrect API key provided: [redacted], [redacted]."
    assert made.redact(b"nothing") == b"nothing"
    assert KEY not in repr(made)


def test_calls_of_aws_are_signed_with_their_body() -> None:
    made = link("bedrock")
    assert made.ready
    one = dict(parsed(made.head("bedrock_converse", "m", stream=False, body=b"1"))[2])
    two = dict(parsed(made.head("bedrock_converse", "m", stream=False, body=b"2"))[2])
    assert one["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert one["authorization"] != two["authorization"]
    assert made.redact(b"aws-secret-of-the-gateway") == b"[redacted]"


def test_a_key_of_bedrock_is_a_bearer_token() -> None:
    made = link("bedrock", key=KEY, aws=None)
    head = made.head("bedrock_converse", "m", stream=True, body=BODY)
    assert dict(parsed(head)[2])["authorization"] == f"Bearer {KEY}"


def test_without_credentials_a_head_is_refused_and_the_wait_for_them_fails_honestly() -> None:
    async def scenario() -> None:
        made = link("vertex", credentials="{}")
        assert not made.ready
        with pytest.raises(CredentialsAway):
            made.head("gemini_generate", "g", stream=False, body=BODY)
        with pytest.raises(CredentialsAway):
            await made.refresh()
        made.close()

    run(scenario())


def test_a_closed_provider_keeps_no_connections() -> None:
    made = link("openai")
    made.close()
    assert made.pool.closed
