from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from pathlib import Path

from sluicegate.admin.docs_page import page
from support.admin_frame import frame


def test_the_page_shows_every_operation_and_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            answer = await api.get("/admin/docs", token=None)
            paths = (await api.get("/admin/openapi.json", token=None)).json()["paths"]
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            for path in paths:
                assert f"<code>{path}</code>" in answer.text
            assert not re.search(r"https?://|<script|<img|<link|@import|url\(", answer.text)

    asyncio.run(work())


def test_links_lead_to_shapes_that_are_there(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            text = (await api.get("/admin/docs", token=None)).text
            links = set(re.findall(r'href="#([^"]+)"', text))
            assert links
            assert links <= set(re.findall(r'id="([^"]+)"', text))

    asyncio.run(work())


def test_what_is_written_in_a_schema_is_text_and_not_markup() -> None:
    evil = "<script>alert(1)</script>"
    operation = {"summary": evil, "description": evil, "responses": {evil: {"description": evil}}}
    shapes = {evil: {"description": evil, "properties": {evil: {"type": evil}}}}
    schema = {
        "info": {"title": evil, "version": evil},
        "paths": {evil: {"get": operation}},
        "components": {"schemas": shapes},
    }
    tags: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]  # noqa: ARG005
    parser.feed(page(schema))
    assert "script" not in tags
    assert "details" in tags
