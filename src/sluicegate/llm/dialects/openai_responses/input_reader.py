"""The `input` of a request: items to messages.

What a model said in one turn is one message: its reasoning, its words and its calls. So are the
results of its calls. Ids, `status` and `phase` of items are about what OpenAI stores, and are not
kept, except the id of reasoning.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.openai_chat.signatures import of_content
from sluicegate.llm.dialects.openai_responses import call_shape as shape
from sluicegate.llm.dialects.openai_responses.extension import (
    citations_of,
    given_id,
    is_made_name,
)
from sluicegate.llm.dialects.openai_responses.raw_list import read_one, read_plain, type_of
from sluicegate.llm.failure import invalid
from sluicegate.llm.signature import opened

if TYPE_CHECKING:
    from msgspec import Raw


def read_input(call: shape.Call, *, drop: bool, dropped: list[str]) -> list[Message]:
    """Read instructions and input. Raises CallError."""
    messages: list[Message] = []
    if call.instructions is not None:
        part = Text(text=call.instructions, at="instructions")
        messages.append(Message(role="system", parts=[part], at="instructions"))
    if isinstance(call.input, str):
        part = Text(text=call.input, at="input")
        return [*messages, Message(role="user", parts=[part], at="input")]
    names: dict[str, str] = {}
    for index, raw in enumerate(call.input):
        at = f"input[{index}]"
        role, parts = _item(raw, at, names, drop=drop, dropped=dropped)
        if messages and role in {"assistant", "tool"} and messages[-1].role == role:
            messages[-1].parts += parts
        else:
            messages.append(Message(role=role, parts=parts, at=at))
    return messages


def _item(
    raw: Raw, at: str, names: dict[str, str], *, drop: bool, dropped: list[str]
) -> tuple[Role, list[Part]]:
    """Read one item. `names`: of tools by the ids of their calls, to which calls are added."""
    kind = type_of(raw, at)
    decoder = shape.ITEMS.get(kind or "message")
    if kind in shape.OPAQUE or (not kind and _is_reference(raw)):
        role: Role = "tool" if kind in shape.RESULTS else "assistant"
        return role, [Opaque(dialect="openai_responses", raw=read_plain(raw), at=at)]
    if decoder is None:
        raise invalid(f"{at}.type", "no type of item that is known here")
    item = read_one(decoder, raw, at, drop=drop, dropped=dropped)
    if isinstance(item, shape.MessageItem):
        return ("system" if item.role == "developer" else item.role), _message(item, at)
    if isinstance(item, shape.ReasoningItem):
        summary = [part.text for part in item.summary]
        content = [part.text for part in item.content or ()]
        found = thoughts(item.id, summary, content, item.encrypted_content, at)
        return "assistant", list(found)
    if _is_decorated(item):
        role = "tool" if isinstance(item, shape.OutputItem) else "assistant"
        return role, [Opaque(dialect="openai_responses", raw=read_plain(raw), at=at)]
    if isinstance(item, shape.OutputItem):
        return "tool", [_result(item, at, names)]
    names[item.call_id] = item.name
    return "assistant", [_tool_call(item, at)]


def _is_reference(raw: Raw) -> bool:
    """Say whether an object without a type is an `item_reference`: it has an id and no role."""
    return set(read_plain(raw)) - {"type"} == {"id"}


def _is_decorated(item: shape.CallItem | shape.CustomCallItem | shape.OutputItem) -> bool:
    """Say whether it tells of what only OpenAI does: namespaces, programs that call, async."""
    return (
        item.namespace is not None
        or (item.caller is not None and item.caller != {"type": "direct"})
        or (not isinstance(item, shape.OutputItem) and bool(item.background))
    )


def _tool_call(item: shape.CallItem | shape.CustomCallItem, at: str) -> ToolCall:
    custom = isinstance(item, shape.CustomCallItem)
    return ToolCall(
        id=item.call_id,
        name=item.name,
        arguments=item.input if isinstance(item, shape.CustomCallItem) else item.arguments,
        custom=custom,
        signature=of_content(item.extra_content),
        at=at,
    )


def _result(item: shape.OutputItem, at: str, names: dict[str, str]) -> ToolResult:
    parts: list[Text | Media]
    if isinstance(item.output, str):
        parts = [Text(text=item.output, at=f"{at}.output")]
    else:
        parts = [_given(part, f"{at}.output[{index}]") for index, part in enumerate(item.output)]
    return ToolResult(
        id=item.call_id,
        parts=parts,
        name=item.name or names.get(item.call_id, ""),
        custom=item.type == "custom_tool_call_output",
        at=at,
    )


def thoughts(
    item_id: str | None, summary: list[str], content: list[str], encrypted: str | None, at: str = ""
) -> list[Thinking]:
    """Return the parts of a reasoning item, which share its id; the last one has the signature.

    An item that has neither text nor signature is one that OpenAI stores: its id is all of it.
    """
    signature = opened(encrypted, "openai") if encrypted else None
    name = given_id(item_id)
    parts = [Thinking(text=text, id=name, summary=True, at=at) for text in summary]
    parts += [Thinking(text=text, id=name, at=at) for text in content]
    if not parts and (signature is not None or name):
        parts = [Thinking(id=name, redacted=signature is not None, at=at)]
    if parts:
        parts[-1].signature = signature
    return parts


# --- content -------------------------------------------------------------------------------------


def _message(item: shape.MessageItem, at: str) -> list[Part]:
    if isinstance(item.content, str):
        return [Text(text=item.content, at=f"{at}.content")]
    return [_content(part, f"{at}.content[{index}]") for index, part in enumerate(item.content)]


def _content(part: shape.Content, at: str) -> Part:
    if isinstance(part, shape.OutputText):
        return Text(
            text=part.text,
            citations=citations_of(part.annotations, part.sluicegate),
            signature=of_content(part.extra_content),
            at=at,
        )
    if isinstance(part, shape.OutputRefusal):
        return Refusal(text=part.refusal, at=at)
    return _given(part, at)


def _given(part: shape.ResultContent, at: str) -> Text | Media:
    """Read a part that is not the model's own."""
    mark = part.prompt_cache_breakpoint
    cache = None if mark is None else Cache(mark.ttl or "")
    if isinstance(part, shape.InputText):
        return Text(text=part.text, at=at, cache=cache)
    detail = "" if part.detail in {None, "auto"} else part.detail or ""
    if isinstance(part, shape.InputImage):
        place = _place(part.image_url, None, part.file_id)
        if len(place) == 0:
            raise invalid(at, "an image has either `image_url` or `file_id`")
        return Media(kind="image", detail=detail, at=at, cache=cache, **place)
    place = _place(part.file_url, part.file_data, part.file_id)
    if len(place) == 0:
        raise invalid(at, "a file has one of `file_data`, `file_url`, `file_id`")
    name = "" if is_made_name(part.filename) else part.filename or ""
    return Media(kind="document", name=name, detail=detail, at=at, cache=cache, **place)


def _place(url: str | None, data: str | None, file_id: str | None) -> dict[str, Any]:
    """Return where content is, as fields of Media; {} where that is not said by exactly one."""
    if [url, data, file_id].count(None) != 2:  # noqa: PLR2004 - one of three is given
        return {}
    if file_id is not None:
        return {"file_id": file_id}
    text = url if data is None else data
    head, comma, rest = (text or "").partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        media_type = head[5:-7].partition(";")[0]
        words = _words(rest) if media_type == "text/plain" else None
        return {"media_type": media_type, **({"data": rest} if words is None else {"text": words})}
    return {"url": url} if data is None else {"data": data}


def _words(data: str) -> str | None:
    """Return the text of a document of plain text; None for what is none."""
    try:
        return base64.b64decode(data, validate=True).decode()
    except ValueError:
        return None
