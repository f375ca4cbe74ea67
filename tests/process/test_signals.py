from __future__ import annotations

import asyncio
import os
import signal

import pytest

from sluicegate.process.signals import StopDecision, Stopping, at_terminal, install
from support.mock_clock import MockClock


def test_sigterm_drains_with_grace() -> None:
    assert StopDecision().decide(signal.SIGTERM, 0, terminal=True) == "drain"


def test_ctrl_c_at_a_terminal_skips_the_grace() -> None:
    assert StopDecision().decide(signal.SIGINT, 0, terminal=True) == "drain_without_grace"


def test_sigint_without_a_terminal_drains_with_grace() -> None:
    assert StopDecision().decide(signal.SIGINT, 0, terminal=False) == "drain"


@pytest.mark.parametrize(("second", "at"), [(signal.SIGTERM, 1), (signal.SIGINT, 0.1)])
def test_a_second_signal_cuts(second: int, at: float) -> None:
    decision = StopDecision()
    decision.decide(signal.SIGTERM, 0, terminal=False)
    assert decision.decide(second, at, terminal=False) == "cut"


def test_one_ctrl_c_that_arrives_twice_does_not_cut() -> None:
    decision = StopDecision()
    decision.decide(signal.SIGINT, 0, terminal=True)
    assert decision.decide(signal.SIGINT, 0.1, terminal=True) is None


def test_a_drain_ends_with_0_and_a_cut_with_the_signals_number() -> None:
    async def scenario() -> None:
        clock = MockClock()
        stopping = Stopping(clock, terminal=False)
        stopping.on_signal(signal.SIGTERM)
        assert stopping.asked.is_set()
        assert stopping.exit_status == 0
        clock.advance(1)
        stopping.on_signal(signal.SIGTERM)
        assert stopping.cut.is_set()
        assert stopping.exit_status == 128 + signal.SIGTERM

    asyncio.run(scenario())


def test_signals_reach_their_events() -> None:
    async def scenario() -> None:
        stopping, reload_asked = Stopping(MockClock(), terminal=False), asyncio.Event()
        install(stopping, reload_asked)
        os.kill(os.getpid(), signal.SIGHUP)
        await reload_asked.wait()
        assert not stopping.asked.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        await stopping.asked.wait()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    asyncio.run(asyncio.wait_for(scenario(), 5))


def test_a_terminal_on_any_standard_stream_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "isatty", lambda descriptor: descriptor == 2)
    assert at_terminal()
    monkeypatch.setattr(os, "isatty", lambda _: False)
    assert not at_terminal()
