from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from sluicegate.process.watch import Watch
from support.mock_clock import MockClock


@pytest.fixture(autouse=True)
def hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no thread hash: how long it took would be the machine's, and not the mock clock's."""

    async def at_once(work: Callable[..., object], *arguments: object) -> object:
        return work(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def changes(watch: Watch, clock: MockClock, seconds: int = 3) -> bool:
    """Say whether the watch notices something within `seconds` of the mock clock's time."""
    noticing = asyncio.create_task(watch.changed())
    for _ in range(seconds * 10):
        await turns()
        clock.advance(0.1)
    await turns()
    noticed = noticing.done()
    noticing.cancel()
    return noticed


def watched(*paths: Path) -> tuple[Watch, MockClock]:
    clock = MockClock()
    return Watch(list(paths), clock, 1.0), clock


def test_a_file_that_stays_the_same_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text("a")
    assert not asyncio.run(changes(*watched(file)))


def test_new_content_is_a_change(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text("a")
    watch, clock = watched(file)
    file.write_text("b, longer")
    assert asyncio.run(changes(watch, clock))


def test_touching_a_file_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text("a")
    watch, clock = watched(file)
    file.replace(tmp_path / "old")
    file.write_text("a")
    assert not asyncio.run(changes(watch, clock))


def test_a_swapped_symlink_is_a_change_as_in_a_config_map(tmp_path: Path) -> None:
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "application.yml").write_text(version)
    (tmp_path / "..data").symlink_to("1")
    (tmp_path / "application.yml").symlink_to("..data/application.yml")
    watch, clock = watched(tmp_path / "application.yml")
    (tmp_path / "..new").symlink_to("2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert asyncio.run(changes(watch, clock))


def test_a_file_that_is_gone_for_a_moment_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text("a")
    watch, clock = watched(file)
    file.unlink()
    assert not asyncio.run(changes(watch, clock))
    file.write_text("a")
    assert not asyncio.run(changes(watch, clock))


def test_a_file_that_is_still_being_written_is_read_once_it_stands_still(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text("a")
    watch, clock = watched(file)

    async def scenario() -> None:
        noticing = asyncio.create_task(watch.changed())
        for turn in range(40):
            file.write_text("b" * (turn + 2))
            await turns()
            clock.advance(0.1)
        assert not noticing.done()
        noticing.cancel()
        assert await changes(watch, clock)

    asyncio.run(scenario())


def test_what_was_accepted_is_no_change_any_more(tmp_path: Path) -> None:
    file = tmp_path / "application.yml"
    file.write_text("a")
    watch, clock = watched(file)
    file.write_text("new")
    watch.accept()
    assert not asyncio.run(changes(watch, clock))
