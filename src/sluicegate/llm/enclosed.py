"""Images, sounds, films and documents in a call's body, of which bytes do not tell the tokens.

They are found where any dialect has them, in content of messages; elsewhere such things are text.
Bounds, in tokens: an image 50 000 (OpenAI: 30 000 patches of `detail: original`, and of gpt-4o-mini
2 833 and 5 667 for each of 8 tiles; Together: 6 404; Anthropic: 4 784; Google: 258 a tile); sound
32 a second (Google, "Understand and count tokens") of 8 kbit/s at least, the lowest rate of MP3; a
document or film one a byte of its base64; one that is only named (URL, id) 300 000, as 100 pages of
3 000 (Anthropic, "PDF support").
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

IMAGE_MOST: Final = 50_000
IMAGE_LIKELY: Final = 1_000
"""One of 1024 x 1024: 765 (gpt-4o) to 1 400 (Claude)."""
SOUND_MOST_BYTES: Final = 41
"""Of base64 a token, 32 of which make a second of 8 kbit/s."""
SOUND_LIKELY_BYTES: Final = 667
"""Of 128 kbit/s."""
PAGES_LIKELY_BYTES: Final = 40
FILM_LIKELY_BYTES: Final = 640
"""Google: 263 tokens a second, here of 1 Mbit/s."""
NAMED_MOST: Final = 300_000
NAMED_LIKELY: Final = 5_000

WAYS: Final = ("content", "parts", "output", "toolResult", "functionResponse")
"""What holds parts of messages. Arguments of tools are not among them: those are text."""
KINDS: Final = ("image", "audio", "video", "document")
NAMES: Final = ("url", "file_id", "fileUri", "file_uri", "s3Location")
ELSEWHERE: Final = ("http:", "https:", "gs:", "s3:")
DATA: Final = ("data", "bytes", "file_data")


NONE: Final = msgspec.Raw(b"")
OPENING: Final = frozenset(b"[{")


class _Message(msgspec.Struct):
    """A turn, or an item of the Responses API, as far as it may hold parts."""

    content: msgspec.Raw = NONE
    parts: msgspec.Raw = NONE
    output: msgspec.Raw = NONE


class _Call(msgspec.Struct):
    """A call, as far as it may hold turns or tools. `input` may be text as well."""

    messages: list[_Message] | None = None
    contents: list[_Message] | None = None
    input: msgspec.Raw = NONE
    tools: msgspec.Raw = NONE
    toolConfig: msgspec.Raw = NONE  # noqa: N815 - as on the wire


class _Words(msgspec.Struct, forbid_unknown_fields=True):
    """A part that encloses nothing: with other fields than these it is looked at closely."""

    type: str = ""
    text: str | None = None
    cache_control: msgspec.Raw = NONE
    prompt_cache_breakpoint: msgspec.Raw = NONE
    annotations: msgspec.Raw = NONE
    citations: msgspec.Raw = NONE
    thinking: str = ""
    signature: str = ""
    thought: bool = False
    thoughtSignature: str = ""  # noqa: N815 - as on the wire
    id: str = ""
    name: str = ""
    input: msgspec.Raw = NONE
    tool_use_id: str = ""
    content: str = ""
    is_error: bool = False
    functionCall: msgspec.Raw = NONE  # noqa: N815 - as on the wire
    toolUse: msgspec.Raw = NONE  # noqa: N815 - as on the wire


CALL: Final = msgspec.json.Decoder(_Call)
ITEMS: Final = msgspec.json.Decoder(list[_Message])
WORDS: Final = msgspec.json.Decoder(list[_Words])
ANYTHING: Final = msgspec.json.Decoder()


class Enclosed:
    """What is enclosed: bytes of base64, and tokens of all of it. Whether there are tools."""

    __slots__ = ("encoded_bytes", "likely_tokens", "most_tokens", "tools")

    def __init__(self) -> None:
        """Nothing was found yet."""
        self.encoded_bytes = 0
        self.likely_tokens = 0
        self.most_tokens = 0
        self.tools = False

    def add(self, kind: str, encoded: int) -> None:
        """Count one; `encoded` are the bytes of its base64, 0 where it is only named."""
        self.encoded_bytes += encoded
        if kind == "image":
            self.most_tokens += IMAGE_MOST
            self.likely_tokens += IMAGE_LIKELY
        elif not encoded:
            self.most_tokens += NAMED_MOST
            self.likely_tokens += NAMED_LIKELY
        elif kind == "audio":
            self.most_tokens += encoded // SOUND_MOST_BYTES + 1
            self.likely_tokens += encoded // SOUND_LIKELY_BYTES + 1
        else:
            self.most_tokens += encoded
            likely = FILM_LIKELY_BYTES if kind == "video" else PAGES_LIKELY_BYTES
            self.likely_tokens += encoded // likely + 1


def enclosed(body: bytes) -> Enclosed:
    """Return what a body encloses; nothing where it is no call."""
    found = Enclosed()
    try:
        call = CALL.decode(body)
        turns = call.messages or []
        if call.contents:
            turns += call.contents
        if call.input is not NONE and _opens(call.input):
            turns += ITEMS.decode(call.input)
    except (ValueError, RecursionError):
        return found
    found.tools = call.tools is not NONE or call.toolConfig is not NONE
    for turn in turns:
        for raw in (turn.content, turn.parts, turn.output):
            if raw is not NONE and _opens(raw) and not _is_words(raw):
                _walk(raw, found)
    return found


def _opens(raw: msgspec.Raw) -> bool:
    """Say whether it is a list or an object, and no text."""
    return memoryview(raw)[0] in OPENING


def _is_words(raw: msgspec.Raw) -> bool:
    try:
        WORDS.decode(raw)
    except (ValueError, RecursionError):
        return False
    return True


def _walk(raw: msgspec.Raw, found: Enclosed) -> None:
    try:
        open_ = [ANYTHING.decode(raw)]
    except (ValueError, RecursionError):
        return
    while open_:
        one = open_.pop()
        if isinstance(one, list):
            open_.extend(one)
        elif isinstance(one, dict):
            _look(one, found)
            open_.extend(one[name] for name in WAYS if name in one)


def _look(part: dict[str, Any], found: Enclosed) -> None:
    """Count what a part of a message holds, in whichever dialect."""
    for name, value in part.items():
        if name in ("image_url", "document_url", "input_audio", "file", "file_url", "file_data"):
            _count(_kind(name, part), value, found)
        elif name in ("inlineData", "inline_data", "fileData", "source"):
            _count(_kind_of_type(value, part), value, found)
        elif name in KINDS and isinstance(value, dict):
            _count(name, value.get("source", value), found)
        elif name == "file_id":
            found.add(_kind(name, part), 0)


def _kind(name: str, part: dict[str, Any]) -> str:
    told = f"{name} {part.get('type')}"
    return next((kind for kind in KINDS if kind in told), "document")


def _kind_of_type(value: object, part: dict[str, Any]) -> str:
    told = str(part.get("type"))
    if isinstance(value, dict):
        told += str(value.get("mimeType") or value.get("mime_type") or value.get("media_type"))
    return next((kind for kind in KINDS if kind in told), "document")


def _count(kind: str, value: object, found: Enclosed) -> None:
    if isinstance(value, dict):
        data = [value[name] for name in DATA if isinstance(value.get(name), str)]
        if not data and not any(name in value for name in NAMES):
            return  # text, or parts of their own (`source: {type: content}`)
        value = data[0] if data else value.get("url", "")
    text = value if isinstance(value, str) else ""
    found.add(kind, 0 if text.startswith(ELSEWHERE) else len(text))
