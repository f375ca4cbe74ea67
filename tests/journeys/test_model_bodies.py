"""Bodies that a provider could take for something else than the gateway does, or that cost much."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.failure import CallError
from sluicegate.llm.providers import find
from support.loops import run
from support.model_calls import model_world

DEEP = b'{"model":"scenario-text","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
LONG = b'{"model":"' + b"x" * 100_000 + b'","messages":[]}'


def twin(name: str) -> bytes:
    return b'{"model":"scenario-text","%b":"denied","messages":[]}' % name.encode()


@pytest.mark.parametrize(
    "body",
    [DEEP, LONG, *map(twin, ["Model", "MODEL", "\\u004dodel", "Stream", "\u017ftream", "Store"])],
)
def test_they_are_refused_before_anybody_is_asked(tmp_path: Path, body: bytes) -> None:
    async def work() -> None:
        async with model_world(tmp_path) as world:
            got = await world.ask("POST", "/v1/chat/completions", body)
            assert got.status == 400
            assert not world.provider.calls

    run(work())


def test_what_is_no_call_to_count_is_the_callers_fault() -> None:
    said = Outgoing(b'{"generateContentRequest":5}')
    with pytest.raises(CallError, match="generateContentRequest"):
        find("vertex").fit("gemini_count_tokens", said, model="gemini-2", stream=False)
