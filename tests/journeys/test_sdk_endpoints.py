"""What the official SDKs ask beside chats: embeddings, completions, models, tokens, native APIs."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest
from anthropic import Anthropic
from google import genai
from google.genai import errors, types
from openai import OpenAI

from support.llm_goldens import FOX
from support.ports import eventually
from support.sdk_matrix import CALLER_KEY, OTHER_KEY, World, world

ASKED = [{"role": "user", "content": "Say something."}]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("sdks")) as made:
        yield made


@pytest.fixture
def by_openai(running: World) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{running.url}/v1", api_key=CALLER_KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def by_anthropic(running: World) -> Iterator[Anthropic]:
    with Anthropic(base_url=running.url, api_key=CALLER_KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def by_google(running: World) -> Iterator[genai.Client]:
    client = genai.Client(api_key=CALLER_KEY, http_options=types.HttpOptions(base_url=running.url))
    yield client
    client.close()


def test_embeddings_pass_through(running: World, by_openai: OpenAI) -> None:
    made = by_openai.embeddings.create(model="openai_chat/scenario-text", input="Say something.")
    assert made.data[0].embedding
    assert running.provider.calls[-1].content["model"] == "scenario-text"


def test_embeddings_of_a_model_that_does_not_speak_them_are_refused(by_openai: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        by_openai.embeddings.create(model="anthropic_messages/scenario-text", input="Hi.")
    assert refused.value.param == "model"


def test_completions_pass_through_whole_and_streamed(by_openai: OpenAI) -> None:
    call = {"model": "openai_chat/scenario-text", "prompt": "Say something."}
    assert by_openai.completions.create(**call).choices[0].text.strip() == FOX
    chunks = list(by_openai.completions.create(**call, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices).strip() == FOX


def test_each_sdk_lists_the_models_that_its_key_may_ask_for(
    by_openai: OpenAI, by_anthropic: Anthropic, by_google: genai.Client
) -> None:
    assert [model.id for model in by_openai.models.list()] == ["named"]
    assert [model.display_name for model in by_anthropic.models.list()] == [
        "A model by its own name"
    ]
    assert [model.name for model in by_google.models.list()] == ["models/named"]


def test_a_key_that_may_ask_for_nothing_sees_no_models(running: World) -> None:
    with OpenAI(base_url=f"{running.url}/v1", api_key=OTHER_KEY, max_retries=0) as client:
        assert list(client.models.list()) == []
        with pytest.raises(openai.PermissionDeniedError):
            client.models.retrieve("named")


def test_each_sdk_retrieves_a_model_and_raises_for_one_that_there_is_not(
    by_openai: OpenAI, by_anthropic: Anthropic, by_google: genai.Client
) -> None:
    assert by_openai.models.retrieve("named").id == "named"
    assert by_anthropic.models.retrieve("named").id == "named"
    assert by_google.models.get(model="named").name == "models/named"
    # Of a prefix; the other two would write its slash as `%2F`, which no path may hold.
    assert by_google.models.get(model="cohere_chat/any").name == "models/cohere_chat/any"
    with pytest.raises(openai.NotFoundError):
        by_openai.models.retrieve("none")
    with pytest.raises(anthropic.NotFoundError):
        by_anthropic.models.retrieve("none")
    with pytest.raises(errors.ClientError) as refused:
        by_google.models.get(model="none")
    assert refused.value.code == 404


def test_gemini_counts_tokens_by_its_own_sdk(running: World, by_google: genai.Client) -> None:
    counted = by_google.models.count_tokens(
        model="gemini_generate/scenario-text", contents="Say something."
    )
    assert counted.total_tokens == 12
    assert running.provider.calls[-1].path.endswith("/models/scenario-text:countTokens")


def test_anthropic_counts_tokens_by_its_own_sdk(running: World, by_anthropic: Anthropic) -> None:
    counted = by_anthropic.messages.count_tokens(
        model="anthropic_messages/scenario-text", messages=ASKED
    )
    assert counted.input_tokens == 12
    assert running.provider.calls[-1].path == "/v1/messages/count_tokens"


def test_one_vendors_sdk_counts_the_tokens_of_anothers_model(
    by_anthropic: Anthropic, by_google: genai.Client
) -> None:
    model = "gemini_generate/scenario-text"
    assert by_anthropic.messages.count_tokens(model=model, messages=ASKED).input_tokens == 12
    model = "anthropic_messages/scenario-text"
    counted = by_google.models.count_tokens(model=model, contents="Say something.")
    assert counted.total_tokens == 12


@pytest.mark.parametrize("dialect", ["openai_chat", "cohere_chat"])
def test_tokens_are_not_counted_where_the_provider_has_no_way(
    by_anthropic: Anthropic, by_google: genai.Client, dialect: str
) -> None:
    model = f"{dialect}/scenario-text"
    with pytest.raises(anthropic.BadRequestError, match="`model`"):
        by_anthropic.messages.count_tokens(model=model, messages=ASKED)
    with pytest.raises(errors.ClientError, match="`model`"):
        by_google.models.count_tokens(model=model, contents="Say something.")


def test_the_openai_sdk_asks_the_providers_own_api(running: World) -> None:
    url = f"{running.url}/proxy/openai_chat"
    with OpenAI(base_url=url, api_key=CALLER_KEY, max_retries=0) as client:
        made = client.chat.completions.create(model="scenario-text", messages=ASKED)
        assert made.choices[0].message.content == FOX
        with client.chat.completions.stream(model="scenario-text", messages=ASKED) as events:
            assert events.get_final_completion().choices[0].message.content == FOX
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="error-rate-limited", messages=ASKED)
        list(client.files.list(purpose="batch"))
    call = running.provider.calls[-1]
    assert (call.method, call.path, call.query) == ("GET", "/v1/files", "purpose=batch")
    assert CALLER_KEY not in str(call.headers)


def test_the_anthropic_sdk_asks_the_providers_own_api(running: World) -> None:
    url = f"{running.url}/proxy/anthropic_messages"
    with Anthropic(base_url=url, api_key=CALLER_KEY, max_retries=0) as client:
        call = {"model": "scenario-text", "max_tokens": 100, "messages": ASKED}
        assert client.messages.create(**call).content[0].text == FOX
        with client.messages.stream(**call) as events:
            assert events.get_final_text() == FOX
    assert CALLER_KEY not in str(running.provider.calls[-1].headers)


def test_the_google_sdk_asks_the_providers_own_api(running: World) -> None:
    options = types.HttpOptions(base_url=f"{running.url}/proxy/gemini_generate")
    client = genai.Client(api_key=CALLER_KEY, http_options=options)
    try:
        call = {"model": "scenario-text", "contents": "Say something."}
        assert client.models.generate_content(**call).text == FOX
        chunks = list(client.models.generate_content_stream(**call))
        assert "".join(chunk.text or "" for chunk in chunks) == FOX
    finally:
        client.close()
    assert CALLER_KEY not in str(running.provider.calls[-1].headers)


def test_a_providers_own_api_is_closed_to_a_key_without_it(running: World) -> None:
    url = f"{running.url}/proxy/openai_chat"
    call = {"model": "scenario-text", "messages": ASKED}
    client = OpenAI(base_url=url, api_key=OTHER_KEY, max_retries=0)
    with client, pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(**call)


def test_a_provider_that_the_route_does_not_name_has_no_api_there(running: World) -> None:
    url = f"{running.url}/proxy/cohere_chat"
    client = OpenAI(base_url=url, api_key=CALLER_KEY, max_retries=0)
    with client, pytest.raises(openai.NotFoundError):
        client.files.list()


def test_a_clients_own_unknown_fields_and_betas_reach_the_same_dialect(
    running: World, by_openai: OpenAI, by_anthropic: Anthropic
) -> None:
    by_openai.chat.completions.create(
        model="openai_chat/scenario-text", messages=ASKED, extra_body={"brand_new": [1]}
    )
    assert running.provider.calls[-1].content["brand_new"] == [1]
    by_anthropic.beta.messages.create(
        model="anthropic_messages/scenario-text",
        max_tokens=9,
        messages=ASKED,
        betas=["a-beta-2026-01-01"],
        extra_body={"brand_new": 2},
    )
    call = running.provider.calls[-1]
    assert call.content["brand_new"] == 2
    assert call.headers["anthropic-beta"] == "a-beta-2026-01-01"


def test_an_unknown_field_is_refused_where_it_must_be_translated(by_openai: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        by_openai.chat.completions.create(
            model="anthropic_messages/scenario-text", messages=ASKED, extra_body={"brand_new": 1}
        )
    assert refused.value.param == "brand_new"


def test_what_another_dialect_has_no_words_for_is_named_in_the_answer(
    by_anthropic: Anthropic,
) -> None:
    marked = {"type": "text", "text": "You are brief.", "cache_control": {"type": "ephemeral"}}
    thought = {"type": "thinking", "thinking": "Two and two.", "signature": "c2lnbmF0dXJl"}
    turn = {"role": "assistant", "content": [thought, {"type": "text", "text": "4"}]}
    answer = by_anthropic.messages.with_raw_response.create(
        model="openai_chat/scenario-text",
        max_tokens=9,
        system=[marked],
        messages=[ASKED[0], turn, ASKED[0]],
    )
    dropped = answer.headers["sluicegate-dropped"].split(", ")
    assert sorted(dropped) == ["messages[1].content[0]", "system[0].cache_control"]


def test_every_call_is_in_the_log_with_its_model_and_tokens(running: World) -> None:
    said = running.callers["anthropic_messages"].ask(
        "bedrock_converse/scenario-cached", "cached", stream=True
    )
    eventually(lambda: running.gateway.access_log()[-1]["cached_tokens"] == 800, "it is logged")
    line = running.gateway.access_log()[-1]
    assert (line["consumer"], line["status"]) == ("caller", 200)
    assert line["model"] == "bedrock_converse/scenario-cached"
    assert (line["input_tokens"], line["output_tokens"]) == said.usage[:2] == (1000, 5)
    tokens = [
        value
        for name, value in running.gateway.metrics().items()
        if name.startswith("sluicegate_model_tokens_total{") and 'kind="cached"' in name
    ]
    assert sum(tokens) >= 800
