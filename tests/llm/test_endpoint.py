from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.headers import Headers
from sluicegate.llm.endpoint import CALLS, Endpoint, dialect_of, endpoint_of

NONE = Headers()
GOOGLE = Headers([(b"x-goog-api-key", b"k")])
ANTHROPIC = Headers([(b"anthropic-version", b"2023-06-01")])


def found(
    path: str, method: str = "POST", query: bytes | None = None, headers: Headers = NONE
) -> Endpoint:
    endpoint = endpoint_of(path, query, headers, method)
    assert endpoint is not None, path
    return endpoint


@pytest.mark.parametrize(("path", "dialect"), sorted(CALLS.items()))
def test_a_call_is_known_by_its_path(path: str, dialect: str) -> None:
    endpoint = found(path)
    assert (endpoint.operation, endpoint.dialect) == ("call", dialect)
    assert endpoint.methods == ("POST",)
    assert endpoint.model == ""
    assert not endpoint.stream


@pytest.mark.parametrize("root", ["/v1beta/models", "/v1/models"])
@pytest.mark.parametrize(
    ("verb", "query", "dialect", "stream", "array"),
    [
        ("generateContent", None, "gemini_generate", False, False),
        ("streamGenerateContent", b"alt=sse", "gemini_generate", True, False),
        ("streamGenerateContent", b"key=k&alt=sse", "gemini_generate", True, False),
        ("streamGenerateContent", None, "gemini_generate", True, True),
        ("streamGenerateContent", b"alt=json", "gemini_generate", True, True),
        ("countTokens", None, "gemini_count_tokens", False, False),
    ],
)
def test_googles_paths_say_model_verb_and_form(
    root: str, verb: str, query: bytes | None, dialect: str, *, stream: bool, array: bool
) -> None:
    endpoint = found(f"{root}/gemini-flash:{verb}", query=query)
    assert (endpoint.operation, endpoint.dialect) == ("call", dialect)
    assert endpoint.model == "gemini-flash"
    assert (endpoint.stream, endpoint.array) == (stream, array)


def test_a_models_name_may_hold_slashes_colons_and_escapes() -> None:
    assert found("/v1beta/models/ge/a:b:generateContent").model == "ge/a:b"
    assert found("/v1beta/models/a%3Ab:generateContent").model == "a:b"
    assert found("/v1/models/ft:gpt-4o:acme", "GET").model == "ft:gpt-4o:acme"
    assert found("/v1/models/meta%2Fllama", "GET").model == "meta/llama"


@pytest.mark.parametrize(
    ("path", "headers", "dialect"),
    [
        ("/v1/models", NONE, "openai_chat"),
        ("/v1/models", ANTHROPIC, "anthropic_messages"),
        ("/v1/models", GOOGLE, "gemini_generate"),
        ("/v1beta/models", NONE, "gemini_generate"),
    ],
)
def test_models_are_listed_in_the_dialect_of_who_asks(
    path: str, headers: Headers, dialect: str
) -> None:
    listed, one = found(path, "GET", headers=headers), found(f"{path}/m", "GET", headers=headers)
    assert (listed.operation, listed.dialect) == ("models", dialect)
    assert (one.operation, one.dialect, one.model) == ("model", dialect, "m")
    assert one.methods == ("GET",)


@pytest.mark.parametrize(
    ("method", "path", "dialect", "rest"),
    [
        ("GET", "/v1/responses/resp_1", "openai_responses", "/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel", "openai_responses", "/resp_1/cancel"),
        ("GET", "/v1/chat/completions", "openai_chat", ""),
        ("DELETE", "/v1/chat/completions/c_1", "openai_chat", "/c_1"),
    ],
)
def test_stored_objects_have_the_rest_of_the_path(
    method: str, path: str, dialect: str, rest: str
) -> None:
    endpoint = found(path, method)
    assert (endpoint.operation, endpoint.dialect, endpoint.rest) == ("stored", dialect, rest)


def test_a_providers_own_paths_keep_their_escapes() -> None:
    endpoint = found("/proxy/open%20ai/v1/files/a%2Fb", "GET")
    assert endpoint.operation == "native"
    assert endpoint.provider == "open ai"
    assert endpoint.rest == "/v1/files/a%2Fb"
    assert endpoint.methods == ()
    assert found("/proxy/openai").rest == "/"


@pytest.mark.parametrize(
    "path",
    ["", "/", "/v1", "/v1/chat", "/v1/responsesX", "/v1/modelsX", "/proxy/", "/proxy//v1", "/v2/x"],
)
def test_other_paths_are_none(path: str) -> None:
    assert endpoint_of(path, None, NONE, "POST") is None


def test_an_error_is_told_in_the_dialect_that_is_likely() -> None:
    assert dialect_of("/v1/nothing", NONE) == "openai_chat"
    assert dialect_of("/v1/nothing", ANTHROPIC) == "anthropic_messages"
    assert dialect_of("/v1beta/nothing", NONE) == "gemini_generate"


@given(st.text(max_size=40), st.sampled_from(["GET", "POST", "PUT"]))
def test_no_path_is_more_than_is_known(rest: str, method: str) -> None:
    for root in ("/v1/models/", "/proxy/", "/v1/responses", "/"):
        endpoint = endpoint_of(root + rest, b"alt=sse", NONE, method)
        assert endpoint is None or endpoint.operation != "native" or endpoint.provider
