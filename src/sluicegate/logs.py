"""Logs that never hold up the loop.

Access lines go through a `LogWriter`: a bounded queue, emptied by a thread that may block. What the
process says about itself is rare and goes through structlog, JSON lines on standard error.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from sluicegate.absent import absent

if TYPE_CHECKING:
    from sluicegate.metrics import Metrics

with absent("rich"):  # colours for a console: a third of what a process imports, and 5 MB of it
    import structlog

MOST_PENDING = 8 * 2**20
BATCH_BYTES = 2**20
INTERVAL_S = 0.1
"""How long lines are gathered: 10 system calls a second at most while they come steadily."""
POLL_MS = 1000
CLOSING_MS = 100


class LogWriter:
    """Writes lines to a file descriptor from a thread of its own.

    `write` belongs to one thread, the loop's. It never waits: past `max_bytes` of lines that have
    not reached the descriptor, new ones are dropped and counted.
    """

    def __init__(
        self,
        fd: int,
        metrics: Metrics,
        max_bytes: int = MOST_PENDING,
        interval_s: float = INTERVAL_S,
    ) -> None:
        """Start the thread; `fd` stays the caller's."""
        self._fd = fd
        self._max_bytes = max_bytes
        self._interval_s = interval_s
        self._lines: deque[bytes] = deque()
        # Each of these is written by one thread only: the loop's, or the writer's.
        self._queued = 0
        self._done = 0
        dropped = metrics.family(
            "sluicegate_log_dropped_total",
            "counter",
            "Access log lines lost: `overflow`, the reader is too slow; `failed`, it is gone.",
            ("reason",),
        )
        self._overflow = dropped.cell("overflow")
        self._failed = dropped.cell("failed")
        self._awake = False
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Bytes that were taken and have not been written."""
        return self._queued - self._done

    def write(self, line: bytes) -> None:
        """Take a line, which ends in a newline, or count it as dropped."""
        size = len(line)
        if self._queued - self._done + size > self._max_bytes:
            self._overflow.value += 1
            return
        self._queued += size
        self._lines.append(line)
        if not self._awake:
            self._awake = True
            self._wake.set()

    def close(self, deadline_s: float = 1.0) -> bool:
        """Write out what is pending; say whether all of it was written in time. Blocks.

        A thread that is stuck in its system call is left behind; it does not keep a process alive.
        """
        failed = self._failed.value
        self._stop.set()
        self._wake.set()
        self._thread.join(deadline_s)
        return not self._thread.is_alive() and not self.pending and self._failed.value == failed

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._stop.wait(self._interval_s)
            # Asleep before the last look: a line that comes after it wakes the thread again.
            self._wake.clear()
            self._awake = False
            while self._lines:
                self._write_batch()
            if self._stop.is_set():
                return

    def _write_batch(self) -> None:
        batch: list[bytes] = []
        size = 0
        while self._lines and size < BATCH_BYTES:
            line = self._lines.popleft()
            batch.append(line)
            size += len(line)
        written = self._write_all(b"".join(batch))
        self._done += size
        for line in batch:
            if written < len(line):
                self._failed.value += 1
            written -= len(line)

    def _write_all(self, data: bytes) -> int:
        """Return how many bytes were written: fewer than given only if the rest cannot be."""
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:
                # Somebody else has made the descriptor non-blocking.
                if not self._writable() and self._stop.is_set():
                    break
            except OSError:
                break
        return len(data) - len(left)

    def _writable(self) -> bool:
        """Wait for room; less patiently when closing."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(CLOSING_MS if self._stop.is_set() else POLL_MS))


def configure_logging(level: str = "info", stream: TextIO | None = None) -> None:
    """Send what this process says to `stream` (standard error) as JSON lines: time, level, event.

    `level` is debug, info, warning, error or critical; the standard library's loggers join in.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    number = logging.getLevelNamesMapping()[level.upper()]
    out = sys.stderr if stream is None else stream
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_encode)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_encode),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def _encode(event: dict[str, Any], **_: Any) -> str:  # noqa: ANN401 - structlog's own signature
    """Render an event; values that JSON does not know are written as text."""
    return msgspec.json.encode(event, enc_hook=str).decode()
