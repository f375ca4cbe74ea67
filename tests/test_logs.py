"""Logs: what can be kept is not lost, what cannot is counted, and the loop never waits."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest
import structlog

from sluicegate.logs import LogWriter, configure_logging
from sluicegate.metrics import Metrics

LINE = b"x" * 99 + b"\n"


class Pipe:
    """A pipe with a writer on one end and nobody, yet, on the other."""

    def __init__(self, max_bytes: int = 10**6, *, blocking: bool = True) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.writing, blocking)
        self.metrics = Metrics()
        self.writer = LogWriter(self.writing, self.metrics, max_bytes, interval_s=0)

    def read_to_end(self) -> bytes:
        """Close the writing end and return everything that was written."""
        os.close(self.writing)
        self.writing = -1
        with os.fdopen(self.reading, "rb") as end:
            self.reading = -1
            return end.read()

    def dropped(self, reason: str) -> float:
        return self.metrics.families["sluicegate_log_dropped_total"].cell(reason).value

    def close(self) -> None:
        for fd in (self.reading, self.writing):
            if fd >= 0:
                os.close(fd)
        self.writer.close(5)


@pytest.fixture
def pipes() -> Iterator[list[Pipe]]:
    made: list[Pipe] = []
    yield made
    for pipe in made:
        pipe.close()


def drain(fd: int, size: int) -> bytes:
    """Read `size` bytes; blocks until they have come."""
    data = b""
    while len(data) < size:
        data += os.read(fd, size - len(data))
    return data


def test_lines_come_out_whole_and_in_order(pipes: list[Pipe]) -> None:
    pipes.append(pipe := Pipe())
    lines = [b"line %d\n" % number for number in range(1000)]
    for line in lines:
        pipe.writer.write(line)
    assert pipe.writer.close()
    assert pipe.read_to_end() == b"".join(lines)
    assert pipe.writer.pending == 0


def test_a_line_is_written_without_waiting_for_others(pipes: list[Pipe]) -> None:
    pipes.append(pipe := Pipe())
    for number in range(20):
        line = b"line %d\n" % number
        pipe.writer.write(line)
        assert drain(pipe.reading, len(line)) == line


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_is_slow_gets_every_line_in_the_end(
    pipes: list[Pipe],
    blocking: bool,  # noqa: FBT001 - a table
) -> None:
    pipes.append(pipe := Pipe(blocking=blocking))
    for _ in range(5000):  # more than a pipe holds: writes are partial, or would block
        pipe.writer.write(LINE)
    assert drain(pipe.reading, 5000 * len(LINE)) == LINE * 5000
    assert pipe.writer.close()


@pytest.mark.parametrize("blocking", [True, False])
def test_with_a_reader_that_is_stuck_memory_is_bounded_and_what_is_lost_is_counted(
    pipes: list[Pipe],
    blocking: bool,  # noqa: FBT001 - a table
) -> None:
    pipes.append(pipe := Pipe(max_bytes=200_000, blocking=blocking))
    for _ in range(10_000):
        pipe.writer.write(LINE)
    assert pipe.writer.pending <= 200_000
    lost = pipe.dropped("overflow")
    assert 10_000 - lost <= (200_000 + 2**20) / len(LINE)  # a pipe holds 64 KiB, or up to 1 MiB
    assert lost > 0
    assert drain(pipe.reading, int(10_000 - lost) * len(LINE)) == LINE * int(10_000 - lost)
    assert pipe.writer.close()


def test_closing_gives_up_on_a_reader_that_is_stuck(pipes: list[Pipe]) -> None:
    for blocking in (True, False):
        pipes.append(pipe := Pipe(blocking=blocking))
        for _ in range(5000):
            pipe.writer.write(LINE)
        assert not pipe.writer.close(deadline_s=0.3)


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipes: list[Pipe]) -> None:
    pipes.append(pipe := Pipe())
    os.close(pipe.reading)
    pipe.reading = -1
    for _ in range(100):
        pipe.writer.write(LINE)
    pipe.writer.close()
    assert pipe.dropped("failed") == 100
    assert pipe.writer.pending == 0


def test_writing_from_the_loop_races_with_nothing(pipes: list[Pipe]) -> None:
    pipes.append(pipe := Pipe(max_bytes=10**8))
    seen: list[bytes] = []
    total = sum(len(b"%d\n" % number) for number in range(50_000))
    reader = threading.Thread(target=lambda: seen.append(drain(pipe.reading, total)))
    reader.start()
    for number in range(50_000):
        pipe.writer.write(b"%d\n" % number)
    reader.join(20)
    assert seen[0].split() == [b"%d" % number for number in range(50_000)]


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("restored")
def test_events_are_json_lines_with_time_level_and_event() -> None:
    out = io.StringIO()
    configure_logging("info", out)
    structlog.get_logger().info("reload done", revision="abc", path=os.sep)
    structlog.get_logger().debug("not shown")
    (line,) = out.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("time").endswith("Z")
    assert event == {"event": "reload done", "level": "info", "revision": "abc", "path": "/"}


@pytest.mark.usefixtures("restored")
def test_exceptions_are_written_without_the_values_of_variables() -> None:
    out = io.StringIO()
    configure_logging("info", out)

    def fails(secret: str) -> None:
        raise ValueError(f"length {len(secret)}")

    try:
        fails("s3cr" + "3t")
    except ValueError:
        structlog.get_logger().exception("stage failed", value=object)
    event = json.loads(out.getvalue())
    assert "ValueError: length 6" in event["exception"]
    assert "s3cr3t" not in out.getvalue()


@pytest.mark.usefixtures("restored")
def test_the_standard_librarys_loggers_join_in_from_warnings_on() -> None:
    out = io.StringIO()
    configure_logging("debug", out)
    logging.getLogger("asyncio").warning("slow %s", "callback")
    logging.getLogger("asyncio").info("not shown")
    (line,) = out.getvalue().splitlines()
    event = json.loads(line)
    assert (event["level"], event["event"]) == ("warning", "slow callback")


@pytest.mark.usefixtures("restored")
def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(KeyError):
        configure_logging("loud", io.StringIO())
