from __future__ import annotations

import botocore.session
import pytest

from sluicegate.llm.dialects.bedrock_converse.formats import FORMATS, media_type, word_for

SHAPES = {
    "image": "ImageFormat",
    "document": "DocumentFormat",
    "video": "VideoFormat",
    "audio": "AudioFormat",
}


@pytest.mark.parametrize("kind", FORMATS)
def test_the_words_are_those_of_the_official_model(kind: str) -> None:
    model = botocore.session.Session().get_service_model("bedrock-runtime")
    assert list(FORMATS[kind]) == model.shape_for(SHAPES[kind]).enum


@pytest.mark.parametrize("kind", FORMATS)
def test_every_word_comes_back_from_its_media_type(kind: str) -> None:
    for word in FORMATS[kind]:
        assert word_for(kind, media_type(kind, word) or "") == word


def test_parameters_aliases_and_names_are_understood() -> None:
    assert word_for("document", "text/plain; charset=utf-8") == "txt"
    assert word_for("image", "image/JPG") == "jpeg"
    assert word_for("document", "", "report.PDF") == "pdf"


def test_what_has_no_word_has_none() -> None:
    assert word_for("image", "image/tiff", "a.png") is None
    assert word_for("document", "", "report") is None
    assert media_type("image", "tiff") is None
