"""Starts a process with a control channel to it, and sees it to its end.

Always a fresh interpreter, never a fork: nothing heavy and no lock is inherited, and a worker's
memory is its own.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sluicegate.process.channel import Channel, open_channel
from sluicegate.process.signals import STOPS

if TYPE_CHECKING:
    from sluicegate.process.messages import AnyMessage, Message

LINGER_S = 10.0
"""What a process may take to end after its channel has closed: management moves what waits of the
ledger until then."""


class Child:
    """A process that was started by this one."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel) -> None:
        """Made by `start_child`."""
        self._process = process
        self.channel = channel

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, *messages: Message) -> None:
        """Say something; nobody hears it when the process is gone."""
        self.channel.send(*messages)

    def kill(self) -> None:
        """End it by SIGKILL, stopped or not."""
        self._process.kill()

    async def ended(self) -> int:
        """Wait for its end and reap it; returns its exit status, negative for a signal."""
        await asyncio.shield(self.channel.closed)
        try:
            return await asyncio.to_thread(self._process.wait, LINGER_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return await asyncio.to_thread(self._process.wait)


async def start_child(
    module: str,
    arguments: Sequence[str],
    descriptors: Sequence[int],
    on_message: Callable[[AnyMessage], None],
) -> Child:
    """Run `python -m module <control descriptor> <arguments…>`, with `descriptors` inherited.

    Raises OSError when there can be no further process.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        control = theirs.fileno()
        # -P: a file of the working folder must not be imported in place of a library.
        command = [sys.executable, "-P", "-m", module, str(control), *arguments]
        try:
            process = _spawn(command, (control, *descriptors))
        except OSError:
            ours.close()
            raise
    channel = await open_channel(ours)
    channel.listen(on_message)
    return Child(process, channel)


def _spawn(command: list[str], descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
    """Start with stop signals blocked, so that Ctrl-C cannot hit before they are ignored."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command, stdin=subprocess.DEVNULL, pass_fds=descriptors
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
