"""The provider to try things with: the official SDKs read what it says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest
from google import genai
from google.genai.types import HttpOptions

from support.ports import eventually, free_port, listens

PROGRAM = Path(__file__).parents[2] / "examples" / "llm.py"
HEARD = "You said: Hi there."


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, str(PROGRAM), str(port)])
    try:
        eventually(lambda: listens(port), "the provider listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def gpt(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_openai_reads_its_completions_whole_and_streamed(gpt: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "Hi there."}]
    whole = gpt.chat.completions.create(model="gpt-1", messages=messages)
    assert whole.choices[0].message.content.endswith(HEARD)
    with gpt.chat.completions.stream(model="gpt-1", messages=messages) as stream:
        content = stream.get_final_completion().choices[0].message.content
    assert content is not None
    assert content.endswith(HEARD)


def test_openai_finds_a_response_again(gpt: openai.OpenAI) -> None:
    made = gpt.responses.create(model="gpt-1", input="Hi there.")
    assert made.output_text.endswith(HEARD)
    assert gpt.responses.retrieve(made.id).output_text == made.output_text
    with pytest.raises(openai.NotFoundError):
        gpt.responses.retrieve("resp_of_nobody")


def test_anthropic_reads_its_messages_whole_and_streamed(url: str) -> None:
    with anthropic.Anthropic(base_url=url, api_key="any") as claude:
        said = {
            "model": "claude-1",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "Hi there."}],
        }
        assert claude.messages.create(**said).content[0].text.endswith(HEARD)
        with claude.messages.stream(**said) as stream:
            assert stream.get_final_text().endswith(HEARD)


def test_google_reads_its_answers_whole_and_streamed(url: str) -> None:
    google = genai.Client(api_key="any", http_options=HttpOptions(base_url=url))
    whole = google.models.generate_content(model="gemini-1", contents="Hi there.")
    assert str(whole.text).endswith(HEARD)
    pieces = google.models.generate_content_stream(model="gemini-1", contents="Hi there.")
    assert "".join(str(piece.text) for piece in pieces).endswith(HEARD)
    google.close()


@pytest.mark.parametrize(
    ("model", "error"),
    [("gpt-down", openai.InternalServerError), ("gpt-busy", openai.RateLimitError)],
)
def test_the_name_of_a_model_says_how_it_fails(
    gpt: openai.OpenAI, model: str, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error):
        gpt.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hi."}])


def test_a_stream_that_is_cut_has_no_end(gpt: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "Hi there."}]
    stream = gpt.chat.completions.create(model="gpt-cut", messages=messages, stream=True)
    assert [chunk.choices[0].finish_reason for chunk in stream] == [None] * 5
