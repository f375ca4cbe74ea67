import base64
import json

import pytest

from sluicegate.llm.enclosed import IMAGE_LIKELY, IMAGE_MOST, NAMED_MOST, enclosed

DATA = base64.b64encode(bytes(range(256)) * 30).decode()
SIZE = len(DATA)


def call(*parts: object, within: str = "messages", under: str = "content") -> bytes:
    return json.dumps({"model": "m", within: [{"role": "user", under: list(parts)}]}).encode()


def found(body: bytes) -> tuple[int, int]:
    """Return bytes of base64 and tokens at most."""
    seen = enclosed(body)
    return seen.encoded_bytes, seen.most_tokens


URL = f"data:image/png;base64,{DATA}"


@pytest.mark.parametrize(
    ("body", "encoded"),
    [
        (call({"type": "image_url", "image_url": {"url": URL}}), len(URL)),
        (call({"type": "image_url", "image_url": URL}), len(URL)),
        (call({"type": "input_image", "image_url": URL}, within="input"), len(URL)),
        (
            call({"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                              "data": DATA}}),
            SIZE,
        ),
        (
            call({"inlineData": {"mimeType": "image/png", "data": DATA}}, within="contents",
                 under="parts"),
            SIZE,
        ),
        (
            call({"inline_data": {"mime_type": "image/png", "data": DATA}}, within="contents",
                 under="parts"),
            SIZE,
        ),
        (call({"image": {"format": "png", "source": {"bytes": DATA}}}), SIZE),
        (call({"image_url": {"url": "https://example.com/a.png"}, "type": "image_url"}), 0),
        (call({"type": "image", "source": {"type": "url", "url": "https://example.com"}}), 0),
        (call({"type": "input_image", "file_id": "file-1"}, within="input"), 0),
        (
            call({"type": "tool_result", "content": [{"type": "image", "source": {"data": DATA}}]}),
            SIZE,
        ),
    ],
)  # fmt: skip
def test_an_image_counts_the_same_in_every_dialect(body: bytes, encoded: int) -> None:
    assert found(body) == (encoded, IMAGE_MOST)


@pytest.mark.parametrize(
    "body",
    [
        call({"type": "input_audio", "input_audio": {"data": DATA, "format": "mp3"}}),
        call({"inlineData": {"mimeType": "audio/mp3", "data": DATA}}, within="contents",
             under="parts"),
        call({"type": "input_audio", "input_audio": DATA}),
    ],
)  # fmt: skip
def test_sound_counts_by_its_length(body: bytes) -> None:
    assert found(body) == (SIZE, SIZE // 41 + 1)


@pytest.mark.parametrize(
    "body",
    [
        call({"type": "file", "file": {"file_data": DATA, "filename": "a.pdf"}}),
        call({"type": "input_file", "file_data": DATA}, within="input"),
        call({"type": "document", "source": {"type": "base64", "data": DATA}}),
        call({"document": {"format": "pdf", "name": "a", "source": {"bytes": DATA}}}),
        call({"video": {"format": "mp4", "source": {"bytes": DATA}}}),
    ],
)
def test_a_document_or_film_counts_a_token_a_byte(body: bytes) -> None:
    assert found(body) == (SIZE, SIZE)


@pytest.mark.parametrize(
    "body",
    [
        call({"type": "input_file", "file_url": "https://example.com/a.pdf"}, within="input"),
        call({"type": "file", "file": {"file_id": "file-1"}}),
        call({"type": "document", "source": {"type": "url", "url": "https://example.com/"}}),
        call({"fileData": {"fileUri": "gs://b/o", "mimeType": "video/mp4"}}, within="contents",
             under="parts"),
        call({"document": {"source": {"s3Location": {"uri": "s3://b/o"}}}}),
    ],
)  # fmt: skip
def test_what_is_only_named_counts_as_much_as_one_may_be(body: bytes) -> None:
    assert found(body) == (0, NAMED_MOST)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[{"role":"user","content":"an image, please"}]}',
        call({"type": "text", "text": f"image {DATA}"}),
        json.dumps({"tools": [{"image_url": DATA}], "messages": []}).encode(),
        call({"type": "tool_use", "name": "x", "input": {"image_url": {"url": URL}}}),
        call({"functionCall": {"args": {"inlineData": {"data": DATA}}}}, within="contents",
             under="parts"),
        call({"type": "document", "source": {"type": "text", "text": DATA}}),
        b'"image"',
        b'["image"]',
        b"image",
        b"",
        b'{"messages":' + b"[" * 100_000 + b'"image"',
    ],
)  # fmt: skip
def test_text_is_text_whatever_it_looks_like(body: bytes) -> None:
    assert found(body)[0] == 0
    assert found(body)[1] in (0, NAMED_MOST)


def test_an_escaped_name_hides_nothing() -> None:
    body = call({"type": "image_url", "image_url": URL}).replace(b"image", b"\\u0069m\\u0061ge")

    assert found(body) == (len(URL), IMAGE_MOST)


def test_several_add_up() -> None:
    image = {"type": "image_url", "image_url": {"url": URL}}
    seen = enclosed(call(image, {"type": "text", "text": "and"}, image))

    assert seen.encoded_bytes == 2 * len(URL)
    assert seen.likely_tokens == 2 * IMAGE_LIKELY


def test_an_image_is_found_among_words_and_calls_of_tools() -> None:
    words: list[object] = [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "tool_use", "id": "t", "name": "n", "input": {"data": DATA}},
    ]
    image = {"type": "image", "source": {"type": "base64", "data": DATA}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [words[0], image]}

    assert found(call(*words)) == (0, 0)
    assert found(call(*words, result)) == (SIZE, IMAGE_MOST)


def test_an_image_is_found_in_what_a_tool_of_responses_has_given() -> None:
    item = {"type": "function_call_output", "output": [{"type": "input_image", "image_url": URL}]}

    assert found(json.dumps({"input": [item]}).encode()) == (len(URL), IMAGE_MOST)
    assert found(b'{"input":"an image"}') == (0, 0)
    assert found(b'{"input":["an image"]}') == (0, 0)


def test_tools_are_told() -> None:
    assert enclosed(b'{"tools":[],"messages":[]}').tools
    assert enclosed(b'{"toolConfig":{}}').tools
    assert not enclosed(b'{"messages":[]}').tools
