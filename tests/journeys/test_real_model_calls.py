"""A real model behind the gateway: its words reach callers of every dialect, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from support.gateway import gateway
from support.llama import Llama, llama
from support.model_front import config
from support.raw_http import ask

__all__ = ["llama"]

TALK: Any = [{"role": "user", "content": "Count from one to five."}]
MOST = 12


@pytest.fixture(scope="module")
def url(llama: Llama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with the model under two names: as it is called, and as `tiny`."""
    deployment = {"provider": "local", "model": llama.model}
    vendor = {"kind": "openai_compatible", "url": llama.url}
    document = config({"local": vendor}, {"tiny": {"deployments": [deployment]}})
    with gateway(tmp_path_factory.mktemp("real"), json.dumps(document)) as running:
        yield f"http://127.0.0.1:{running.port}"


def test_openai_callers_get_the_same_words_whole_and_streamed(url: str) -> None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        asked: Any = {"model": "tiny", "messages": TALK, "max_tokens": MOST, "temperature": 0}
        whole = client.chat.completions.create(**asked)
        pieces = list(
            client.chat.completions.create(
                **asked, stream=True, stream_options={"include_usage": True}
            )
        )
        said = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
        assert said == whole.choices[0].message.content != ""
        assert whole.usage is not None
        assert pieces[-1].usage is not None
        assert whole.usage.completion_tokens == pieces[-1].usage.completion_tokens == MOST
        assert [c.finish_reason for p in pieces for c in p.choices if c.finish_reason] == ["length"]


def test_anthropic_callers_get_them_too(url: str) -> None:
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        asked: Any = {"model": "tiny", "messages": TALK, "max_tokens": MOST}
        asked["extra_body"] = {"temperature": 0}
        whole = client.messages.create(**asked)
        assert whole.content[0].type == "text"
        assert (whole.stop_reason, whole.usage.output_tokens) == ("max_tokens", MOST)
        with client.messages.stream(**asked) as stream:
            said = "".join(stream.text_stream)
            told = stream.get_final_message()
        assert told.content[0].type == "text"
        assert said == told.content[0].text != ""
        assert (told.stop_reason, told.usage.output_tokens) == ("max_tokens", MOST)
        assert told.usage.input_tokens > 0


def test_gemini_callers_get_them_too(url: str) -> None:
    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))
    config_ = types.GenerateContentConfig(max_output_tokens=MOST, temperature=0)
    asked: Any = {"model": "tiny", "contents": "Count from one to five.", "config": config_}
    whole = client.models.generate_content(**asked)
    pieces = list(client.models.generate_content_stream(**asked))
    client.close()
    assert whole.text
    assert "".join(piece.text or "" for piece in pieces)
    for told in (whole, pieces[-1]):
        assert told.candidates is not None
        assert told.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
        assert told.usage_metadata is not None
        assert told.usage_metadata.candidates_token_count == MOST


def test_a_prompt_that_is_too_long_is_told_as_that(url: str) -> None:
    talk: Any = [{"role": "user", "content": "one two three four " * 2000}]
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client,
        pytest.raises(openai.BadRequestError) as raised,
    ):
        client.responses.create(model="tiny", input=talk, store=False)
    assert raised.value.code == "context_length_exceeded"


def test_its_models_are_listed_by_the_name_that_is_asked_for(url: str) -> None:
    port = int(url.rpartition(":")[2])
    told = ask(port, b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [each["id"] for each in json.loads(told.body)["data"]] == ["tiny"]
