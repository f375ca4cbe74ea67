"""What this API has no words for, and where it stands instead.

    extra_content.google.thought_signature
        of a function_call, custom_tool_call or output_text: the signature that Google's models put
        on such parts, in the words of Google's own OpenAI form
    sluicegate.citations
        of an output_text: citations that are no annotations here
    sluicegate.parts
        of a response: [{index, part}], parts that are no items; `index` is where they stood
    sluicegate.stop
        of a response: {reason, sequence, detail}, where its status does not say it all
    usage.sluicegate
        kinds of tokens that `usage` has no field for
    sluicegate.extras, sluicegate.fingerprint
        of a response: fields of the provider's own

Ids of items that a provider did not give are made, and known again by `MADE`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Answer,
    Media,
    Opaque,
    Part,
    Refusal,
    Stop,
    Text,
    Thinking,
    ToolCall,
)

MADE: Final = "sg_"
ANNOTATIONS: Final = frozenset(
    {"container_file_citation", "file_citation", "file_path", "url_citation"}
)
"""Types of citations that this API has (openai/types/responses/response_output_text.py)."""
EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "application/json": "json",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}

Shown = Text | Refusal | Thinking | ToolCall
"""Parts that this API has items for; of Opaque those of its own."""


def made_id(prefix: str, answer_id: str, index: int) -> str:
    """Make the id of an item; at most 64 characters, which is what the API takes back."""
    return f"{prefix}_{MADE}{answer_id[-40:]}_{index}"


def given_id(item_id: str | None) -> str:
    """Return an id that a provider gave; "" for a made one."""
    if item_id is None or item_id.partition("_")[2].startswith(MADE):
        return ""
    return item_id


def made_name(media_type: str) -> str:
    """Make the name of a document: the API asks for one with every document that is in a call."""
    return f"document.{EXTENSIONS.get(media_type, 'bin')}"


def is_made_name(name: str | None) -> bool:
    """Say whether a name says no more than what `made_name` does."""
    return name is not None and name.partition(".")[0] == "document"


# --- citations ------------------------------------------------------------------------------------


def parted_citations(
    citations: list[dict[str, Any]] | None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the citations that are annotations here, and the others."""
    ours = [one for one in citations or () if one.get("type") in ANNOTATIONS]
    return ours, [one for one in citations or () if one.get("type") not in ANNOTATIONS]


def citations_of(annotations: object, extension: object) -> list[dict[str, Any]] | None:
    """Read all citations of a text."""
    others = extension.get("citations") if isinstance(extension, dict) else None
    found = [
        one
        for half in (annotations, others)
        for one in (half if isinstance(half, list) else ())
        if isinstance(one, dict)
    ]
    return found or None


# --- of a response --------------------------------------------------------------------------------


def extension_of(answer: Answer, parts: list[Part], stop: Stop, *, plain: bool) -> dict[str, Any]:
    """Return the `sluicegate` object of a response: {} where there is nothing to say.

    `plain`: status and details say all there is about why it stopped.
    """
    return _kept(
        {
            "parts": [
                {"index": index, "part": _written(part)}
                for index, part in enumerate(parts)
                if is_foreign(part)
            ],
            "stop": None if plain else msgspec.to_builtins(stop),
            "extras": answer.extras,
            "fingerprint": answer.fingerprint,
        }
    )


def is_foreign(part: Part) -> bool:
    """Say whether this API has no item for a part."""
    if isinstance(part, Opaque):
        return part.dialect != "openai_responses"
    return not isinstance(part, Shown)


def _written(part: Part) -> dict[str, Any]:
    plain = msgspec.to_builtins(part)
    return {"type": type(part).__name__.lower(), **plain}


def _kept(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}


def restore(extension: object, parts: list[Part]) -> Stop | None:
    """Put back what `extension_of` wrote (the provider may be a gateway like this one).

    Returns the stop; None where it says nothing. What has another shape is left out.
    """
    if not isinstance(extension, dict):
        return None
    kept = extension.get("parts")
    for each in kept if isinstance(kept, list) else ():
        try:
            read = msgspec.convert(each, _Placed)
            kind: type[Media | Opaque] = Media if read.part.get("type") == "media" else Opaque
            parts.insert(read.index, msgspec.convert(read.part, kind))
        except msgspec.ValidationError:
            continue
    try:
        return msgspec.convert(extension.get("stop"), Stop)
    except msgspec.ValidationError:
        return None


class _Placed(msgspec.Struct):
    index: int
    part: dict[str, Any]
