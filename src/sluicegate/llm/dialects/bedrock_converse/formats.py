"""Media types and the words that Converse has for them, both ways.

The words are the enumerations ImageFormat, DocumentFormat, VideoFormat and AudioFormat of
botocore's bedrock-runtime model; the media types are IANA's.
"""

from __future__ import annotations

from typing import Final

FORMATS: Final = {
    "image": {
        "png": "image/png",
        "jpeg": "image/jpeg",
        "gif": "image/gif",
        "webp": "image/webp",
    },
    "document": {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    },
    "video": {
        "mkv": "video/matroska",
        "mov": "video/quicktime",
        "mp4": "video/mp4",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    "audio": {
        "mp3": "audio/mpeg",
        "opus": "audio/opus",
        "wav": "audio/wav",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "mp4": "audio/mp4",
        "ogg": "audio/ogg",
        "mkv": "audio/matroska",
        "mka": "audio/x-matroska",
        "x-aac": "audio/x-aac",
        "m4a": "audio/m4a",
        "mpeg": "audio/x-mpeg",
        "mpga": "audio/mpga",
        "pcm": "audio/pcm",
        "webm": "audio/webm",
    },
}

ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "video/x-matroska": "video/matroska",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-m4a": "audio/m4a",
    "audio/x-flac": "audio/flac",
}
"""Other words of callers for the same thing."""


def media_type(kind: str, word: str) -> str | None:
    """Return the media type of a word; None for an unknown one."""
    return FORMATS[kind].get(word)


def word_for(kind: str, type_: str, name: str = "") -> str | None:
    """Return the word for a media type or, where that is not known, for the end of a file's name.

    Parameters of the type (`; charset=utf-8`) do not count. None where there is no word.
    """
    bare = type_.partition(";")[0].strip().lower()
    bare = ALIASES.get(bare, bare)
    for word, known in FORMATS[kind].items():
        if known == bare:
            return word
    ending = name.rpartition(".")[2].lower()
    return ending if not bare and ending in FORMATS[kind] else None
