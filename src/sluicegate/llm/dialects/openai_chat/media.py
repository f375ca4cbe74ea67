"""Images, documents and sound in messages (types/chat/chat_completion_content_part*.py).

Data is a `data:` URL (RFC 2397) in images and files, bare base64 in sound.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sluicegate.llm.canonical import Media
from sluicegate.llm.dialects.openai_chat import call_shape as shape

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses

DATA_URL: Final = re.compile(
    r"data:(?P<type>[^;,]*)(?:;[^;,]+=[^;,]*)*;base64,(?P<data>.*)", re.DOTALL
)
SOUND: Final = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def media_of(part: shape.ImagePart | shape.AudioPart | shape.FilePart, at: str) -> Media:
    """Read a part of a message."""
    if isinstance(part, shape.ImagePart):
        return image_of(part.image_url.url, at, part.image_url.detail or "")
    if isinstance(part, shape.AudioPart):
        kind = (
            "audio/mpeg" if part.input_audio.format == "mp3" else f"audio/{part.input_audio.format}"
        )
        return Media(kind="audio", media_type=kind, data=part.input_audio.data, at=at)
    file = part.file
    found = DATA_URL.fullmatch(file.file_data or "")
    return Media(
        kind="document",
        media_type=found["type"] if found else "",
        data=found["data"] if found else file.file_data,
        file_id=file.file_id,
        name=file.filename or "",
        at=at,
    )


def image_of(url: str, at: str = "", detail: str = "") -> Media:
    """Read an image's URL."""
    found = DATA_URL.fullmatch(url)
    if found is None:
        return Media(kind="image", url=url, detail=detail, at=at)
    return Media(kind="image", media_type=found["type"], data=found["data"], detail=detail, at=at)


def written(media: Media, losses: Losses, *, own_files: bool) -> dict[str, Any] | None:
    """Write a part of a user's message; None where this dialect has no words for it.

    `own_files`: ids of files are of the vendor that is called. A document of plain text becomes
    text, under its name.
    """
    if media.cited:
        losses.at(f"{media.at}.citations")
    if media.kind == "image":
        return _image(media, losses)
    if media.kind == "audio" and media.data is not None and media.media_type in SOUND:
        sound = {"data": media.data, "format": SOUND[media.media_type]}
        return {"type": "input_audio", "input_audio": sound}
    if media.kind == "document":
        file = _document(media, own_files=own_files)
        if file is not None:
            return file
    losses.part(media.at)
    return None


def image_url(media: Media) -> str | None:
    """Return an image's URL; None where it has none."""
    if media.data is not None:
        return f"data:{media.media_type or 'image/png'};base64,{media.data}"
    return media.url


def _image(media: Media, losses: Losses) -> dict[str, Any] | None:
    url = image_url(media)
    if url is None:
        losses.part(media.at)
        return None
    detail = {"detail": media.detail} if media.detail else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def _document(media: Media, *, own_files: bool) -> dict[str, Any] | None:
    if media.text is not None:
        lines = [line for line in (media.name, media.context, media.text) if line]
        return {"type": "text", "text": "\n".join(lines)}
    named = {"filename": media.name} if media.name else {}
    if media.data is not None:
        # A type that nobody said stays unsaid, as it came.
        prefix = f"data:{media.media_type};base64," if media.media_type else ""
        return {"type": "file", "file": {"file_data": prefix + media.data, **named}}
    if media.file_id is not None and own_files:
        return {"type": "file", "file": {"file_id": media.file_id, **named}}
    return None
