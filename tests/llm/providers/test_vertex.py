"""Vertex AI: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.providers import find
from support.links import fitted, link, places, settings

HOST = "https://europe-west1-aiplatform.googleapis.com"
ROOT = f"{HOST}/v1/projects/a-project/locations/europe-west1"


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("vertex") == {
        "gemini_generate": f"{ROOT}/publishers/google/models/m:generateContent",
        "gemini_count_tokens": f"{ROOT}/publishers/google/models/m:countTokens",
        "anthropic_messages": f"{ROOT}/publishers/anthropic/models/m:rawPredict",
        "anthropic_count_tokens": f"{ROOT}/publishers/anthropic/models/count-tokens:rawPredict",
        "openai_chat": f"{ROOT}/endpoints/openapi/chat/completions",
    }


def test_some_regions_have_hosts_of_their_own() -> None:
    for region, host in {
        "global": "aiplatform.googleapis.com",
        "us": "aiplatform.us.rep.googleapis.com",
        "us-east5": "us-east5-aiplatform.googleapis.com",
    }.items():
        assert find("vertex").base(settings("vertex", region=region)) == f"https://{host}"


def test_streams_have_paths_of_their_own() -> None:
    made = link("vertex")
    assert made.path("anthropic_messages", "c@1", stream=True).endswith("/c@1:streamRawPredict")
    assert made.path("gemini_generate", "g", stream=True).endswith("/g:streamGenerateContent")


def test_claude_is_named_by_the_path_and_its_version_by_the_body() -> None:
    body = {"model": "claude-x@1", "max_tokens": 5}
    assert fitted("vertex", body, "anthropic_messages") == {
        "max_tokens": 5,
        "anthropic_version": "vertex-2023-10-16",
    }
    assert fitted("vertex", body, "anthropic_count_tokens")["model"] == "claude-x@1"
    assert fitted("vertex", body, "gemini_generate") == body


def test_the_version_that_a_header_asks_for_goes_into_the_body_alone() -> None:
    headers = ((b"anthropic-version", b"2026-10-21"), (b"anthropic-beta", b"x"))
    asked = Outgoing(b'{"model":"m"}', headers)
    sent = find("vertex").fit("anthropic_messages", asked, model="m", stream=False)
    assert sent.body == b'{"anthropic_version":"2026-10-21"}'
    assert sent.headers == ((b"anthropic-beta", b"x"),)


def test_a_key_is_refused_for_it_would_not_be_used() -> None:
    assert [field for field, _ in find("vertex").check(settings("vertex", key="a-key"))] == ["key"]


def test_what_is_to_be_counted_stands_beside_its_contents() -> None:
    whole = b'{"generateContentRequest":{"model":"models/m","contents":[],"tools":[]}}'
    fitted = find("vertex").fit("gemini_count_tokens", Outgoing(whole), model="m", stream=False)
    assert fitted.body == b'{"contents":[],"tools":[]}'
    plain = Outgoing(b'{"contents":[]}')
    assert find("vertex").fit("gemini_count_tokens", plain, model="m", stream=False) == plain
