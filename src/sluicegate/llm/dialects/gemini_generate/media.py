"""Images, documents, sound and films: `inlineData` and `fileData`.

Addresses: the Gemini API takes those of its own Files API, of YouTube and of the public web
(ai.google.dev, "File input methods"), Vertex AI also `gs://` (types.py, `FileData`,
`Part.from_uri`). Files of Google are `file_id`s here: nobody else can read them.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, Literal

from sluicegate.llm.canonical import Media
from sluicegate.llm.dialects.gemini_generate.signatures import standard
from sluicegate.llm.failure import invalid

if TYPE_CHECKING:
    from sluicegate.llm.dialects.gemini_generate.wire import Blob, FileData
    from sluicegate.llm.losses import Losses

GOOGLE_FILES: Final = ("https://generativelanguage.googleapis.com/", "gs://")
PLAIN: Final = "text/plain"
BEGINNINGS: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
"""Base64 of how files begin: the media type must be named, and not every caller does."""
ENDINGS: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".pdf": "application/pdf",
    ".txt": PLAIN,
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".mp4": "video/mp4",
}


def read_blob(blob: Blob, at: str) -> Media:
    """Read `inlineData`. Raises CallError: names what is missing."""
    if blob.data is None or not blob.mime_type:
        raise invalid(f"{at}.{'mimeType' if blob.data else 'data'}", "missing")
    media = Media(kind=_kind(blob.mime_type), media_type=blob.mime_type, at=at)
    media.name = blob.display_name or ""
    media.data = standard(blob.data)
    if blob.mime_type == PLAIN:
        try:
            media.text = base64.b64decode(media.data).decode()
            media.data = None
        except ValueError:
            pass
    return media


def read_file(file: FileData, at: str) -> Media:
    """Read `fileData`. Raises CallError: names what is missing."""
    if not file.file_uri:
        raise invalid(f"{at}.fileUri", "missing")
    kind = file.mime_type or _by_ending(file.file_uri)
    media = Media(kind=_kind(kind), media_type=file.mime_type or "", at=at)
    media.name = file.display_name or ""
    if file.file_uri.startswith(GOOGLE_FILES):
        media.file_id = file.file_uri
        return media
    media.url = file.file_uri
    if kind == _by_ending(file.file_uri):  # which says it already
        media.media_type = ""
    return media


def write_media(media: Media, losses: Losses) -> dict[str, Any] | None:
    """Return the part; None where it cannot be said, which `losses` then knows."""
    if media.detail not in {"", "auto"}:
        losses.at(f"{media.at}.detail")
    if media.context:
        losses.at(f"{media.at}.context")
    if media.cited:
        losses.at(f"{media.at}.citations")
    if media.name:  # a label, for which `displayName` is no field of the Gemini API
        losses.foreign(f"{media.at}.filename")
    if media.text is not None:
        data = base64.b64encode(media.text.encode()).decode()
        return {"inlineData": {"mimeType": PLAIN, "data": data}}
    if media.data is not None:
        kind = media.media_type or _by_beginning(media.data)
        if kind:
            return {"inlineData": {"mimeType": kind, "data": media.data}}
    address = media.url or media.file_id or ""
    if address.startswith(GOOGLE_FILES) or media.url:
        kind = media.media_type or _by_ending(address)
        return {"fileData": {"fileUri": address} | ({"mimeType": kind} if kind else {})}
    losses.part(media.at)
    return None


def _kind(media_type: str) -> Literal["image", "document", "audio", "video"]:
    """Return what a media type is; what has none is an image, as nearly all are."""
    match media_type.partition("/")[0]:
        case "image" | "":
            return "image"
        case "audio":
            return "audio"
        case "video":
            return "video"
        case _:
            return "document"


def _by_beginning(data: str) -> str:
    return next((kind for begins, kind in BEGINNINGS if data.startswith(begins)), "")


def _by_ending(url: str) -> str:
    path = url.partition("?")[0].lower()
    return next((kind for ends, kind in ENDINGS.items() if path.endswith(ends)), "")
