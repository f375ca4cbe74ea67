from __future__ import annotations

from typing import Any

import pytest

from sluicegate.llm.canonical import Media
from sluicegate.llm.dialects.openai_chat import call_shape as shape
from sluicegate.llm.dialects.openai_chat.media import image_of, media_of, written
from sluicegate.llm.losses import Losses


def said(media: Media, *, own_files: bool = False) -> tuple[dict[str, Any] | None, list[str]]:
    losses = Losses({}, "openai_chat")
    return written(media, losses, own_files=own_files), losses.fatal + losses.lost


def test_a_data_url_is_taken_apart_and_any_other_stays() -> None:
    assert image_of("data:image/png;charset=x;base64,AA").data == "AA"
    assert image_of("data:image/png;charset=x;base64,AA").media_type == "image/png"
    assert image_of("https://example.com/a").url == "https://example.com/a"
    assert image_of("data:,plain").url == "data:,plain"


@pytest.mark.parametrize(
    "part",
    [
        shape.ImagePart(image_url=shape.ImageUrl("data:image/png;base64,AA", "low")),
        shape.ImagePart(image_url=shape.ImageUrl("https://example.com/a")),
        shape.AudioPart(input_audio=shape.InputAudio("AA", "wav")),
        shape.AudioPart(input_audio=shape.InputAudio("AA", "mp3")),
        shape.FilePart(file=shape.FileFile(file_data="data:application/pdf;base64,AA")),
        shape.FilePart(file=shape.FileFile(file_data="AA", filename="a.pdf")),
        shape.FilePart(file=shape.FileFile(file_id="file-1")),
    ],
)
def test_what_is_read_is_written_again(part: Any) -> None:
    import msgspec  # noqa: PLC0415 - only here

    plain = {
        name: {key: one for key, one in value.items() if one is not None}
        if isinstance(value, dict)
        else value
        for name, value in msgspec.to_builtins(part).items()
        if value is not None
    }
    assert said(media_of(part, "here"), own_files=True) == (plain, [])


def test_a_document_of_text_becomes_text_under_its_name() -> None:
    media = Media(
        kind="document", text="It is so.", name="Facts", context="Old", cited=True, at="x"
    )
    part, lost = said(media)
    assert part == {"type": "text", "text": "Facts\nOld\nIt is so."}
    assert lost == ["x.citations"]


@pytest.mark.parametrize(
    "media",
    [
        Media(kind="image", file_id="f", at="x"),
        Media(kind="document", url="https://example.com/a.pdf", at="x"),
        Media(kind="document", file_id="f", at="x"),
        Media(kind="audio", media_type="audio/ogg", data="AA", at="x"),
        Media(kind="audio", url="https://example.com/a.mp3", at="x"),
        Media(kind="video", data="AA", at="x"),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_place(media: Media) -> None:
    assert said(media) == (None, ["x"])
