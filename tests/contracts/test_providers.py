"""Every provider: what is asked of each, beside what the vendors' own SDKs ask, and goldens of all.

`WRITE_GOLDENS=1 pytest tests/contracts/test_providers.py` writes the goldens anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import anthropic
import botocore.session
import cohere
import google.genai
import google.oauth2.credentials
import mistralai.client
import openai
import pytest
from cohere.environment import ClientEnvironment

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.providers import find, kinds
from support.links import KEY, link, parsed, settings
from support.loops import in_thread
from support.mock_clock import MockClock
from support.scripted_provider import GOLDEN, Call, ScriptedProvider, answer

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
ASKED = "Weather in Paris?"
CHAT_BODY = {
    "model": "m",
    "messages": [{"role": "developer", "content": "Brief."}, {"role": "user", "content": ASKED}],
    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}],
    "max_completion_tokens": 60,
    "seed": 1,
}
BODIES: dict[str, dict[str, Any]] = {
    "openai_chat": CHAT_BODY,
    "openai_responses": {
        "model": "m",
        "input": ASKED,
        "tools": [{"type": "function", "name": "get_weather", "parameters": WEATHER}],
    },
    "openai_completions": {"model": "m", "prompt": ASKED},
    "openai_embeddings": {"model": "m", "input": ASKED},
    "anthropic_messages": {
        "model": "m",
        "max_tokens": 60,
        "messages": [{"role": "user", "content": ASKED}],
        "tools": [{"name": "get_weather", "input_schema": WEATHER}],
    },
    "anthropic_count_tokens": {"model": "m", "messages": [{"role": "user", "content": ASKED}]},
    "gemini_generate": {
        "contents": [{"role": "user", "parts": [{"text": ASKED}]}],
        "tools": [{"functionDeclarations": [{"name": "get_weather", "parameters": WEATHER}]}],
    },
    "gemini_count_tokens": {"contents": [{"role": "user", "parts": [{"text": ASKED}]}]},
    "bedrock_converse": {
        "messages": [{"role": "user", "content": [{"text": ASKED}]}],
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "get_weather", "inputSchema": {"json": WEATHER}}}]
        },
    },
    "cohere_chat": {
        "model": "m",
        "messages": [{"role": "user", "content": ASKED}],
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}],
    },
}
"""The tools scenario as each dialect says it (those that have no tools: its question)."""
FLAGGED = ("openai_chat", "openai_responses", "openai_completions", "cohere_chat")
"""Dialects whose streams are asked for in the body, beside Anthropic's."""
NEVER_STREAMED = ("openai_embeddings", "anthropic_count_tokens", "gemini_count_tokens")
PAIRS = [(kind, dialect) for kind in kinds() for dialect in sorted(BODIES)]


def sent(kind: str, dialect: str, *, stream: bool) -> dict[str, Any]:
    """Return the request that the gateway sends, its key left out."""
    body = dict(BODIES[dialect])
    if stream and dialect in (*FLAGGED, "anthropic_messages"):
        body["stream"] = True
    made = link(kind, MockClock())
    fit = find(kind).fit(dialect, Outgoing(json.dumps(body).encode()), model="m", stream=stream)
    if kind == "vertex":  # a token, without asking Google
        made._proof._token._keep(KEY, None, made._proof._token._clock.monotonic())
    method, path, fields = parsed(made.head(dialect, "m", stream=stream, body=fit.body))
    fields = [(name, redacted(value)) for name, value in fields if name != "content-length"]
    return {"method": method, "path": path, "headers": dict(fields), "body": json.loads(fit.body)}


def redacted(value: str) -> str:
    return value.replace(KEY, "KEY").partition("Signature=")[0]


@pytest.mark.parametrize(("kind", "dialect"), PAIRS)
def test_each_provider_is_asked_as_its_golden_says(kind: str, dialect: str) -> None:
    if dialect not in find(kind).places:
        assert not (GOLDEN / "providers" / f"{kind}.{dialect}.json").exists()
        return
    asked = {"plain": sent(kind, dialect, stream=False)}
    if dialect not in NEVER_STREAMED:
        asked["stream"] = sent(kind, dialect, stream=True)
    path = GOLDEN / "providers" / f"{kind}.{dialect}.json"
    if os.environ.get("WRITE_GOLDENS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asked, indent=1) + "\n")
    assert json.loads(path.read_bytes()) == asked


@pytest.mark.parametrize("kind", kinds())
def test_each_provider_is_what_the_contract_wants(kind: str) -> None:
    facts = find(kind)
    assert facts.kind == kind
    assert set(facts.required) <= {"key", "region", "project", "url"}
    assert facts.url or "url" in facts.required
    assert (facts.auth == "header") == bool(facts.key_header)
    assert facts.places
    assert all(name == name.lower() for name, _ in facts.headers)
    assert facts.dialect_for("a-model") == next(iter(facts.places))
    assert not facts.check(settings(kind))
    ((field, message),) = facts.check(settings(kind, dialects=["no_dialect"]))
    assert field == "dialects"
    assert "no_dialect" in message


def test_a_kind_that_nobody_wrote_is_not_found() -> None:
    for name in ("nobody", "__init__", "../openai", "openai.os"):
        with pytest.raises(KeyError):
            find(name)


# --- beside the SDKs -----------------------------------------------------------------------------


def of_openai(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        client.chat.completions.create(model="m", messages=[])


def of_openai_responses(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        client.responses.create(model="m", input="x")


def of_openai_embeddings(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        client.embeddings.create(model="m", input="x")


def of_azure(url: str) -> None:
    with openai.AzureOpenAI(
        azure_endpoint=url, api_key=KEY, api_version="2024-10-21", max_retries=0
    ) as client:
        client.chat.completions.create(model="m", messages=[])


def of_foundry(url: str) -> None:
    with anthropic.AnthropicFoundry(
        base_url=f"{url}/anthropic/", api_key=KEY, max_retries=0
    ) as client:
        client.messages.create(model="m", messages=[], max_tokens=1)


def of_anthropic(url: str) -> None:
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        client.messages.create(model="m", messages=[], max_tokens=1)


def of_anthropic_counting(url: str) -> None:
    with anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        client.messages.count_tokens(model="m", messages=[])


def of_vertex_claude(url: str) -> None:
    with anthropic.AnthropicVertex(
        base_url=f"{url}/v1",
        region="europe-west1",
        project_id="a-project",
        access_token=KEY,
        max_retries=0,
    ) as client:
        client.messages.create(model="m", messages=[], max_tokens=1)


def of_vertex_gemini(url: str) -> None:
    with closing(
        google.genai.Client(
            vertexai=True,
            project="a-project",
            location="europe-west1",
            credentials=google.oauth2.credentials.Credentials(KEY),  # type: ignore[no-untyped-call]
            http_options={"base_url": url, "api_version": "v1"},
        )
    ) as client:
        client.models.generate_content(model="m", contents="x")


def of_gemini(url: str) -> None:
    options = {"base_url": url, "api_version": "v1beta"}
    with closing(google.genai.Client(api_key=KEY, http_options=options)) as client:  # type: ignore[arg-type]
        client.models.generate_content(model="m", contents="x")


def of_gemini_streaming(url: str) -> None:
    options = {"base_url": url, "api_version": "v1beta"}
    with closing(google.genai.Client(api_key=KEY, http_options=options)) as client:  # type: ignore[arg-type]
        list(client.models.generate_content_stream(model="m", contents="x"))


def of_cohere(url: str) -> None:
    with cohere.ClientV2(api_key=KEY, base_url=url) as client:
        client.chat(model="m", messages=[])


def of_mistral(url: str) -> None:
    with mistralai.client.Mistral(api_key=KEY, server_url=url) as client:
        client.chat.complete(model="m", messages=[])


def of_bedrock(url: str) -> None:
    with closing(
        botocore.session.Session().create_client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=url,
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="aws-secret-of-the-gateway",
        )
    ) as client:
        client.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "x"}]}])


Sdk = Callable[[str], None]
SDKS: list[tuple[Sdk, str, str, dict[str, Any]]] = [
    (of_openai, "openai", "openai_chat", {"url": "/v1"}),
    (of_openai_responses, "openai", "openai_responses", {"url": "/v1"}),
    (of_openai_embeddings, "openai", "openai_embeddings", {"url": "/v1"}),
    (of_azure, "azure", "openai_chat", {"url": "", "api_version": "2024-10-21"}),
    (of_foundry, "azure", "anthropic_messages", {"url": ""}),
    (of_anthropic, "anthropic", "anthropic_messages", {"url": ""}),
    (of_anthropic_counting, "anthropic", "anthropic_count_tokens", {"url": ""}),
    (of_vertex_claude, "vertex", "anthropic_messages", {"url": ""}),
    (of_vertex_gemini, "vertex", "gemini_generate", {"url": ""}),
    (of_gemini, "gemini", "gemini_generate", {"url": ""}),
    (of_gemini_streaming, "gemini", "gemini_generate", {"url": ""}),
    (of_cohere, "cohere", "cohere_chat", {"url": ""}),
    (of_mistral, "mistral", "openai_chat", {"url": "/v1"}),
    (of_bedrock, "bedrock", "bedrock_converse", {"url": ""}),
]
OURS_ALONE = {"x-amz-date", "authorization", "x-api-key", "api-key", "x-goog-api-key"}


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedProvider]:
    with in_thread(ScriptedProvider(key=None)) as server:
        server.play("m", answer(400, b"{}"))
        yield server


def asked_by(sdk: Sdk, provider: ScriptedProvider) -> Call:
    provider.calls.clear()
    failed: Exception | None = None
    try:
        sdk(provider.url)
    except Exception as error:  # noqa: BLE001 - of the answer: what was asked is all that matters
        failed = error
    assert provider.calls, repr(failed)
    return provider.calls[0]


@pytest.mark.parametrize(("sdk", "kind", "dialect", "config"), SDKS)
@pytest.mark.filterwarnings("ignore")  # the SDKs' own
def test_the_vendors_sdk_asks_the_same(
    sdk: Sdk, kind: str, dialect: str, config: dict[str, Any], provider: ScriptedProvider
) -> None:
    call = asked_by(sdk, provider)
    made = link(kind, MockClock(), **{**config, "url": provider.url + config["url"]})
    if kind == "vertex":
        made._proof._token._keep(KEY, None, made._proof._token._clock.monotonic())
    stream = call.path.endswith(":streamGenerateContent")
    method, target, fields = parsed(made.head(dialect, "m", stream=stream, body=call.body))
    ours = dict(fields)
    assert (method, target.partition("?")[::2]) == (call.method, (call.path, call.query))
    assert call.dialect == dialect
    for name in OURS_ALONE & set(ours):
        theirs = call.headers.get(name)
        if ours[name].startswith("AWS4"):
            assert theirs is not None
            assert theirs.partition("/")[0] == ours[name].partition("/")[0]
        elif kind == "anthropic":  # the SDK of today has it there, Anthropic's reference as we do
            assert call.headers["authorization"] == f"Bearer {ours[name]}"
        elif name != "x-amz-date":
            assert ours[name] == theirs


def test_the_vendors_sdks_know_the_same_addresses() -> None:
    own = openai.OpenAI(api_key=KEY)
    assert str(own.base_url).rstrip("/") == find("openai").url
    assert str(anthropic.Anthropic(api_key=KEY).base_url).rstrip("/") == find("anthropic").url
    assert ClientEnvironment.PRODUCTION.value == find("cohere").url
