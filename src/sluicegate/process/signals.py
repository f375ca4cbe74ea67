"""What signals ask for.

SIGTERM, SIGINT    end: grace, then what is in flight; the second one cuts at once
SIGINT, terminal   the same without the grace: nobody balances load in front of a developer
SIGHUP             reload
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sluicegate.clock import Clock

Ask = Literal["drain", "drain_without_grace", "cut"]

SAME_S = 0.25
"""A terminal signals the whole group and a parent such as make or npm passes the signal on: the
same signal twice, this close together, is one wish."""


class StopDecision:
    """Turns stop signals into what is asked for. Pure but for its memory of the first one."""

    def __init__(self) -> None:
        """Start before any signal."""
        self.signal = 0
        self._first_at: float | None = None

    def decide(self, number: int, now: float, *, terminal: bool) -> Ask | None:
        """Return what signal `number` asks for at `now` (monotonic seconds), None for nothing."""
        if self._first_at is None:
            self._first_at = now
            self.signal = number
            return "drain_without_grace" if number == signal.SIGINT and terminal else "drain"
        echo = number == self.signal and now - self._first_at < SAME_S
        return None if echo else "cut"


class Stopping:
    """Whether this process is asked to end, for whoever waits for it.

    `asked` is set by the first signal, `cut` by the second. `exit_status` is 0, and 128 + signal
    (as shells have it) when requests were cut by a second one.
    """

    def __init__(self, clock: Clock, *, terminal: bool) -> None:
        """`terminal`: a person at a terminal started this process."""
        self.asked = asyncio.Event()
        self.cut = asyncio.Event()
        self.grace = True
        self._clock = clock
        self._terminal = terminal
        self._cut_by = 0
        self._decision = StopDecision()

    @property
    def exit_status(self) -> int:
        """Return what the process ends with."""
        return 128 + self._cut_by if self.cut.is_set() else 0

    def on_signal(self, number: int) -> None:
        """Take a signal."""
        ask = self._decision.decide(number, self._clock.monotonic(), terminal=self._terminal)
        if ask == "cut":
            self._cut_by = number
            self.cut.set()
        elif ask is not None:
            self.grace = ask == "drain"
            self.asked.set()


def install(stopping: Stopping, reload_asked: asyncio.Event) -> None:
    """Handle SIGTERM, SIGINT and SIGHUP on the running loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.on_signal, number)
    loop.add_signal_handler(signal.SIGHUP, reload_asked.set)


def leave_to_supervisor() -> None:
    """Ignore what a terminal or an init system sends to every process of the group.

    The supervisor decides when its processes end; they see it by their channel, and see the end of
    the supervisor the same way.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def at_terminal() -> bool:
    """Say whether a person sees or feeds this process: one of its standard streams is a tty."""
    return any(os.isatty(descriptor) for descriptor in (0, 1, 2))
