from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from sluicegate.process import messages
from sluicegate.process.post import Post
from sluicegate.process.slot import Slot, Timings
from sluicegate.snapshot.document import Resources


class Child:
    """A process that writes down what it is told."""

    pid = 7

    def __init__(self) -> None:
        self.told: list[messages.Message] = []

    def send(self, *told: messages.Message) -> None:
        self.told += told


def filled() -> tuple[Post, Child]:
    post, child = Post(Slot(0, Timings(), 0)), Child()
    post.child = cast("Any", child)
    post.slot.began(0)
    return post, child


def resources(**contents: bytes) -> Resources:
    return Resources.of({("route", name): raw for name, raw in contents.items()})


def test_the_answer_comes_to_whoever_asked() -> None:
    async def scenario() -> None:
        post, child = filled()
        answer = post.scrape()
        (scrape,) = child.told
        assert isinstance(scrape, messages.Scrape)
        scraped = messages.Scraped(scrape.number, [])
        post.answered(scrape.number, scraped)
        post.answered(scrape.number, scraped)
        assert await answer is scraped

    asyncio.run(scenario())


@pytest.mark.parametrize("ask", [Post.scrape, Post.ask_tls])
def test_whoever_waits_for_a_process_that_ends_gets_nothing_instead_of_waiting_on(
    ask: Callable[[Post], asyncio.Future[Any]],
) -> None:
    async def scenario() -> None:
        post, _ = filled()
        answer = ask(post)
        post.vacate()
        assert await answer is None
        assert await ask(post) is None

    asyncio.run(scenario())


def test_a_process_is_sent_changes_and_its_successor_everything() -> None:
    async def scenario() -> None:
        post, child = filled()
        post.configure(resources(a=b"1", b=b"2"))
        post.configure(resources(a=b"1", b=b"3"))
        puts = [m.name for m in child.told if isinstance(m, messages.Put)]
        assert puts == ["a", "b", "b"]
        post.vacate()
        successor = Child()
        post.child = cast("Any", successor)
        post.configure(resources(a=b"1", b=b"3"))
        assert [m.name for m in successor.told if isinstance(m, messages.Put)] == ["a", "b"]

    asyncio.run(scenario())


def test_its_phase_follows_the_process() -> None:
    post = Post(Slot(0, Timings(), 0))
    assert post.status(0).phase == "starting"
    post, _ = filled()
    assert post.status(0).phase == "starting"
    post.slot.became_ready(0)
    assert post.status(0).phase == "ready"
    post.beat = messages.Beat(draining=True)
    assert post.status(0).phase == "draining"
    assert post.status(5).phase == "silent"
    post.slot.lost(5)
    assert post.status(5).phase == "gone"
