from __future__ import annotations

import base64
from typing import Any

import pytest

from sluicegate.llm.canonical import Media
from sluicegate.llm.dialects.gemini_generate.media import read_blob, read_file, write_media
from sluicegate.llm.dialects.gemini_generate.wire import Blob, FileData
from sluicegate.llm.failure import CallError
from sluicegate.llm.losses import Losses


def test_bytes_are_read_in_either_alphabet() -> None:
    read = read_blob(Blob(mime_type="image/png", data="-_8="), "x")
    assert (read.kind, read.data) == ("image", "+/8=")


def test_plain_text_is_a_document_of_text() -> None:
    data = base64.b64encode("Grüße".encode()).decode()
    assert read_blob(Blob(mime_type="text/plain", data=data), "x").text == "Grüße"


def test_files_of_google_are_no_addresses_for_others() -> None:
    assert read_file(FileData(file_uri="gs://bucket/a.pdf"), "x").file_id == "gs://bucket/a.pdf"
    read = read_file(FileData(file_uri="https://example.com/a.pdf?b"), "x")
    assert (read.kind, read.url) == ("document", "https://example.com/a.pdf?b")


@pytest.mark.parametrize(("blob", "field"), [(Blob(), "x.data"), (Blob(data="AA"), "x.mimeType")])
def test_what_is_missing_is_named(blob: Blob, field: str) -> None:
    with pytest.raises(CallError) as caught:
        read_blob(blob, "x")
    assert caught.value.failure.field == field


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (
            Media(kind="image", data="/9j/AA"),
            {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/AA"}},
        ),
        (
            Media(kind="image", url="https://a.test/b.png"),
            {"fileData": {"fileUri": "https://a.test/b.png", "mimeType": "image/png"}},
        ),
        (
            Media(kind="document", text="a"),
            {"inlineData": {"mimeType": "text/plain", "data": "YQ=="}},
        ),
        (Media(kind="document", file_id="gs://a/b"), {"fileData": {"fileUri": "gs://a/b"}}),
    ],
)
def test_media_are_written(media: Media, part: dict[str, Any]) -> None:
    losses = Losses({}, "x")
    assert write_media(media, losses) == part
    assert not losses.fatal
    assert not losses.lost


def test_a_file_of_another_vendor_cannot_be_said() -> None:
    losses = Losses({}, "x")
    assert write_media(Media(kind="image", file_id="file-1", at="m"), losses) is None
    assert losses.fatal == ["m"]


def test_what_stands_at_a_medium_is_named() -> None:
    losses = Losses({}, "x")
    media = Media(
        kind="image", text="a", detail="low", context="c", cited=True, name="a.txt", at="m"
    )
    write_media(media, losses)
    assert losses.lost == ["m.detail", "m.context", "m.citations"]
    assert losses.dropped == ["m.filename"]
