"""Secrets that end: asked for in a thread, once, within a bound, and again before they end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from sluicegate.errors import CredentialsAway
from sluicegate.metrics import Metrics
from sluicegate.upstream.credentials.renewed import Renewed
from support.loops import run
from support.mock_clock import MockClock


class Source:
    """Gives `s1`, `s2`, …, each good for `life_s`; can be made to fail or to hang."""

    def __init__(self, clock: MockClock, life_s: float | None = 3600) -> None:
        self.clock, self.life_s = clock, life_s
        self.asked = 0
        self.broken = False
        self.gate: threading.Event | None = None
        self.threads: set[threading.Thread] = set()

    def __call__(self) -> tuple[str, int | None]:
        self.asked += 1
        self.threads.add(threading.current_thread())
        if self.gate is not None:
            self.gate.wait(10)
        if self.broken:
            raise OSError("the text of this error holds a-secret")
        ends = self.life_s and self.clock.wall_us() + int(self.life_s * 1_000_000)
        return f"s{self.asked}", ends


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.001)


def made(source: Source, metrics: Metrics | None = None) -> Renewed[str]:
    return Renewed("p", source, source.clock, metrics or Metrics())


def test_nothing_is_asked_for_before_it_is_needed_and_then_in_a_thread() -> None:
    async def scenario() -> None:
        source = Source(MockClock())
        secret = made(source)
        assert (secret.current, source.asked) == (None, 0)
        await secret.refresh()
        assert secret.current == "s1"
        assert threading.current_thread() not in source.threads

    run(scenario())


def test_many_that_wait_at_once_ask_once() -> None:
    async def scenario() -> None:
        source = Source(MockClock())
        secret = made(source)
        await asyncio.gather(*[secret.refresh() for _ in range(50)])
        assert source.asked == 1

    run(scenario())


def test_it_is_renewed_before_its_end_while_the_old_one_is_used() -> None:
    async def scenario() -> None:
        clock = MockClock()
        source = Source(clock)
        secret = made(source)
        await secret.refresh()
        clock.advance(3600 - 301)
        assert (secret.current, source.asked) == ("s1", 1)
        clock.advance(2)
        assert secret.current == "s1"  # and somebody is asked meanwhile
        await until(lambda: secret.current == "s2")
        assert source.asked == 2

    run(scenario())


def test_one_that_has_ended_is_never_used() -> None:
    async def scenario() -> None:
        clock = MockClock()
        source = Source(clock)
        secret = made(source)
        await secret.refresh()
        source.broken = True
        clock.advance(3601)
        assert secret.current is None
        with pytest.raises(CredentialsAway):
            await secret.refresh()

    run(scenario())


def test_a_short_life_is_not_asked_for_at_every_call() -> None:
    async def scenario() -> None:
        source = Source(MockClock(), life_s=60)
        secret = made(source)
        await secret.refresh()
        for _ in range(100):
            assert secret.current == "s1"
        assert source.asked == 1

    run(scenario())


def test_one_without_an_end_is_looked_at_again_now_and_then() -> None:
    async def scenario() -> None:
        clock = MockClock()
        source = Source(clock, life_s=None)
        secret = made(source)
        await secret.refresh()
        clock.advance(901)
        assert secret.current == "s1"
        await until(lambda: secret.current == "s2")

    run(scenario())


def test_a_source_that_hangs_is_waited_for_within_a_bound_and_asked_only_once() -> None:
    async def scenario() -> None:
        clock = MockClock()
        source = Source(clock)
        source.gate = threading.Event()
        secret = made(source)
        waiting = [asyncio.create_task(secret.refresh()) for _ in range(3)]
        await until(lambda: source.asked)
        clock.advance(10.1)
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, CredentialsAway) for result in results)
        again = asyncio.create_task(secret.refresh())
        await asyncio.sleep(0)
        source.gate.set()
        await again  # the answer that came late serves those who wait now
        assert (secret.current, source.asked) == ("s1", 1)

    run(scenario())


def test_one_who_stops_waiting_takes_nothing_from_the_others() -> None:
    async def scenario() -> None:
        source = Source(MockClock())
        source.gate = threading.Event()
        secret = made(source)
        one, other = (asyncio.create_task(secret.refresh()) for _ in range(2))
        await until(lambda: source.asked)
        one.cancel()
        source.gate.set()
        await other
        assert secret.current == "s1"

    run(scenario())


def test_after_a_failure_calls_fail_at_once_for_a_while() -> None:
    async def scenario() -> None:
        clock, metrics = MockClock(), Metrics()
        source = Source(clock)
        source.broken = True
        secret = made(source, metrics)
        for _ in range(5):
            with pytest.raises(CredentialsAway):
                await secret.refresh()
        assert source.asked == 1
        source.broken = False
        clock.advance(6)
        await secret.refresh()
        assert secret.current == "s2"
        counted = metrics.families["sluicegate_provider_credentials_total"].series
        assert {key: cell.value for key, cell in counted.items()} == {  # type: ignore[union-attr]
            ("p", "failed"): 1,
            ("p", "renewed"): 1,
        }

    run(scenario())


def test_the_text_of_a_failure_is_told_to_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario() -> str:
        source = Source(MockClock())
        source.broken = True
        with pytest.raises(CredentialsAway) as failed:
            await made(source).refresh()
        return str(failed.value)

    assert "a-secret" not in run(scenario())
    assert "a-secret" not in "".join(capsys.readouterr())


def test_a_closed_one_asks_no_more() -> None:
    async def scenario() -> None:
        clock = MockClock()
        source = Source(clock)
        secret = made(source)
        await secret.refresh()
        secret.close()
        clock.advance(3500)
        assert secret.current == "s1"
        await asyncio.sleep(0)
        assert source.asked == 1

    run(scenario())
