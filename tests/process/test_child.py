from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from sluicegate.process.child import Child, start_child
from sluicegate.process.messages import AnyMessage, Beat
from support.loops import run

SCRIPT = """
import os, signal, socket, sys
from sluicegate.process.channel import encode
from sluicegate.process.messages import Beat
from sluicegate.process.signals import leave_to_supervisor

blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
leave_to_supervisor()
control = socket.socket(fileno=int(sys.argv[1]))
os.fstat(int(sys.argv[2]))
control.sendall(encode(Beat(ready=signal.SIGINT in blocked)))
control.recv(1)
sys.exit(3)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "some_child.py").write_text(SCRIPT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "some_child"


async def started(module: str, heard: asyncio.Queue[AnyMessage]) -> Child:
    reading, writing = os.pipe()
    try:
        return await start_child(module, [str(reading)], [reading], heard.put_nowait)
    finally:
        os.close(reading)
        os.close(writing)


def test_it_inherits_what_it_is_given_and_begins_with_stop_signals_blocked(module: str) -> None:
    async def scenario() -> None:
        heard: asyncio.Queue[AnyMessage] = asyncio.Queue()
        child = await started(module, heard)
        assert await heard.get() == Beat(ready=True)
        child.channel.close()
        assert await child.ended() == 3

    run(scenario())


def test_signals_to_the_group_do_not_end_it(module: str) -> None:
    async def scenario() -> None:
        heard: asyncio.Queue[AnyMessage] = asyncio.Queue()
        child = await started(module, heard)
        await heard.get()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(child.pid, number)
        child.channel.close()
        assert await child.ended() == 3

    run(scenario())


def test_a_stopped_process_can_be_killed_and_its_end_is_seen_by_the_channel(module: str) -> None:
    async def scenario() -> None:
        heard: asyncio.Queue[AnyMessage] = asyncio.Queue()
        child = await started(module, heard)
        await heard.get()
        os.kill(child.pid, signal.SIGSTOP)
        child.kill()
        assert await child.ended() == -signal.SIGKILL

    run(scenario())
