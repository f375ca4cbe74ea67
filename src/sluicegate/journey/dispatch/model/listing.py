"""Which models there are, as each SDK lists them: those that the caller may ask for.

Sources: openai-python `types/model.py`, anthropic-sdk-python `types/model_info.py` and
`pagination.py`, python-genai `types.Model`. There is one page: `limit` and cursors are not needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.journey.dispatch.model.errors import JSON, ErrorForm, tell
from sluicegate.journey.dispatch.model.reading import no_model
from sluicegate.model.name_pattern import any_matches

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.dispatch.model.reading import Reading
    from sluicegate.llm.call import ModelCall

EPOCH: Final = "1970-01-01T00:00:00Z"
OWNER: Final = "sluicegate"
METHODS: Final = ["generateContent", "streamGenerateContent", "countTokens"]


def answer_models(exchange: Exchange, call: ModelCall, form: ErrorForm, reading: Reading) -> None:
    """Answer `GET /v1/models`, `/v1/models/{name}` and the same under `/v1beta`."""
    endpoint = call.endpoint
    seen = _seen(exchange, call, reading)
    write = WRITERS[endpoint.dialect]
    if endpoint.operation == "model":
        name = endpoint.model
        known = exchange.snapshot.models.find(name)
        if known is None or not _may(exchange, call, reading, name):
            tell(exchange, form, no_model(name))
            return
        content = write(name, known.config.description)
    else:
        entries = [write(name, _description(exchange, name)) for name in seen]
        content = LISTS[endpoint.dialect](entries, seen)
    exchange.respond(200, [(b"content-type", JSON)], msgspec.json.encode(content))


def _seen(exchange: Exchange, call: ModelCall, reading: Reading) -> list[str]:
    names = exchange.snapshot.models.names()
    return [name for name in names if _may(exchange, call, reading, name)]


def _description(exchange: Exchange, name: str) -> str:
    pool = exchange.snapshot.models.find(name)
    return "" if pool is None else pool.config.description


def _may(exchange: Exchange, call: ModelCall, reading: Reading, name: str) -> bool:
    """Whether the caller may ask for a model: by route, key and policies."""
    patterns = exchange.models
    if not reading.serves(name) or (patterns and not any_matches(patterns, name)):
        return False
    return all(allows(name) for allows in call.allows)


def _openai(name: str, description: str) -> dict[str, Any]:  # noqa: ARG001 - it has no place for it
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}


def _anthropic(name: str, description: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": description or name,
        "created_at": EPOCH,
        "lifecycle": "active",
    }


def _gemini(name: str, description: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "displayName": name,
        "description": description,
        "supportedGenerationMethods": METHODS,
    }


WRITERS: Final = {
    "openai_chat": _openai,
    "anthropic_messages": _anthropic,
    "gemini_generate": _gemini,
}


def _openai_list(entries: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:  # noqa: ARG001
    return {"object": "list", "data": entries}


def _anthropic_list(entries: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    first, last = (names[0], names[-1]) if names else (None, None)
    return {"data": entries, "has_more": False, "first_id": first, "last_id": last}


def _gemini_list(entries: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:  # noqa: ARG001
    return {"models": entries}


LISTS: Final = {
    "openai_chat": _openai_list,
    "anthropic_messages": _anthropic_list,
    "gemini_generate": _gemini_list,
}
