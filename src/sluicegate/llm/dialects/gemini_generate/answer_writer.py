"""The canonical answer to a caller's; see the package for `sluicegate`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Logprob,
    Media,
    Opaque,
    Part,
    Refusal,
    Signature,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects.gemini_generate.signatures import written, written_of
from sluicegate.llm.dialects.gemini_generate.usage import usage_beside, write_usage
from sluicegate.llm.dialects.gemini_generate.words import says_all, write_stop
from sluicegate.llm.failure import Malformed

LABEL: Final = "sluicegate"
EMPTY: Final[dict[str, Any]] = {"text": ""}


class Beside:
    """Collects what this dialect has no words for: the member `sluicegate`."""

    __slots__ = ("_choices", "_fields")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._choices: dict[int, dict[str, Any]] = {}
        self._fields: dict[str, Any] = {}

    def field(self, name: str, value: object) -> None:
        """Note something of the whole answer; nothing where it is empty."""
        if value:
            self._fields[name] = value

    def of(self, choice: int, name: str, value: object) -> None:
        """Note something of a candidate, in a list."""
        said = self._choices.setdefault(choice, {"index": choice})
        said.setdefault(name, []).append(value)

    def stop(self, choice: int, stop: Stop) -> None:
        """Note why a candidate ended, where `finishReason` says less."""
        if not says_all(stop):
            said = self._choices.setdefault(choice, {"index": choice})
            said["stop"] = {"reason": stop.reason, "sequence": stop.sequence, "detail": stop.detail}

    def member(self) -> dict[str, Any]:
        """Return the member to add to an answer, or nothing."""
        said = dict(self._fields)
        if self._choices:
            said["choices"] = [self._choices[index] for index in sorted(self._choices)]
        return {LABEL: said} if said else {}


def write_answer(answer: Answer) -> bytes:
    """Write a whole answer. Raises Malformed: a call's arguments are no JSON object."""
    beside = Beside()
    body: dict[str, Any] = {
        "candidates": [_candidate(choice, beside) for choice in answer.choices],
        "modelVersion": answer.model,
        "responseId": answer.id,
    }
    if answer.usage is not None:
        body["usageMetadata"] = write_usage(answer.usage)
    if answer.created:
        body["createTime"] = time_of(answer.created)
    note(beside, answer.usage, answer.service_tier, answer.fingerprint)
    beside.field("extras", answer.extras)
    return msgspec.json.encode(body | beside.member())


def note(
    beside: Beside, usage: Usage | None, service_tier: str | None, fingerprint: str | None
) -> None:
    """Note what there is no field for."""
    beside.field("usage", usage_beside(usage) if usage is not None else None)
    beside.field("service_tier", service_tier)
    beside.field("fingerprint", fingerprint)


def time_of(created: int) -> str:
    """Return seconds since 1970 as `createTime`."""
    return datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _candidate(choice: Choice, beside: Beside) -> dict[str, Any]:
    parts: list[Any] = []
    for at, part in enumerate(choice.parts):
        written_part = plain_part(choice.index, at, part, beside)
        if written_part is not None:
            parts.append(written_part)
    beside.stop(choice.index, choice.stop)
    candidate: dict[str, Any] = {
        "content": {"parts": parts or [EMPTY], "role": "model"},
        "finishReason": write_stop(choice.stop),
        "index": choice.index,
    }
    if choice.logprobs is not None:
        candidate["logprobsResult"] = plain_logprobs(choice.logprobs)
    return candidate


def plain_part(choice: int, at: int, part: Part, beside: Beside) -> dict[str, Any] | None:
    """Return a part as plain data; None where there are no words for it."""
    said: dict[str, Any] | None = None
    match part:
        case Text():
            for citation in part.citations or []:
                beside.of(choice, "citations", {"part": at, "citation": citation})
            said = {"text": part.text} | signed(part.signature)
        case Thinking():
            signature = written_of(part)
            said = {"text": part.text, "thought": True}
            said |= {"thoughtSignature": signature} if signature else {}
        case ToolCall():
            said = plain_call(part.id, part.name, part.arguments) | signed(part.signature)
        case Refusal():
            beside.of(choice, "refusals", at)
            said = {"text": part.text}
        case Media(data=str()):
            said = {"inlineData": {"mimeType": part.media_type, "data": part.data}}
        case Opaque(dialect="gemini_generate"):
            said = part.raw
        case Opaque():
            beside.of(choice, "opaque", {"dialect": part.dialect, "raw": part.raw})
        case _:  # what no answer holds
            pass
    return said


def plain_call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    """Return a call as plain data. Raises Malformed: its arguments are no JSON object."""
    text = arguments.strip() or "{}"
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise Malformed("the arguments of a call are not a JSON object") from None
    return {"functionCall": {"id": identity, "name": name, "args": msgspec.Raw(text.encode())}}


def signed(signature: Signature | None) -> dict[str, Any]:
    """Return the member for a signature of a text or call."""
    return {} if signature is None else {"thoughtSignature": written(signature)}


def plain_logprobs(tokens: list[Logprob]) -> dict[str, Any]:
    """Return `logprobsResult`."""
    said: dict[str, Any] = {
        "chosenCandidates": [
            {"token": token.token, "logProbability": token.logprob} for token in tokens
        ]
    }
    if any(token.top_logprobs for token in tokens):
        said["topCandidates"] = [
            {
                "candidates": [
                    {"token": top.token, "logProbability": top.logprob}
                    for top in token.top_logprobs
                ]
            }
            for token in tokens
        ]
    return said
