from __future__ import annotations

import pytest
from openai.types import CreateEmbeddingResponse

from sluicegate.llm.dialects import find
from sluicegate.llm.failure import Malformed
from support.llm_goldens import events_of, golden

NAME = "openai_embeddings"


def test_the_golden_is_what_the_official_types_say() -> None:
    body = golden(NAME, "text.response.json")
    assert CreateEmbeddingResponse.model_validate_json(body).data[0].embedding == [
        0.25,
        -0.5,
        0.125,
    ]


def test_an_answer_is_measured() -> None:
    usage = find(NAME).measure(golden(NAME, "text.response.json"))
    assert usage is not None
    assert (usage.input, usage.output) == (12, 0)
    with pytest.raises(Malformed):
        find(NAME).measure(b'{"object": "list"}')


def test_vectors_do_not_stream() -> None:
    for data in (b"", b"data: {}\n\n"):
        with pytest.raises(Malformed, match="do not stream"):
            events_of(find(NAME), data)
