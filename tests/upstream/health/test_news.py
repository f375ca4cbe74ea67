from __future__ import annotations

import msgspec

from sluicegate.upstream.health.news import News


def test_news_read_back_as_they_were_written() -> None:
    news = News("users", "10.0.0.5:9000", "out", "open", 60.0, unreachable=True)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(news), type=News) == news
