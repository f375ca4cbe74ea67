"""What a million subjects cost at the Valkey that counts them: its memory, its scripts' time.

The calls are those that the gateway writes for requests, on the gateway's own scripts, many in a
pipeline. Memory is Valkey's `used_memory` beyond that of an empty one, with one idle connection.
Time is `usec` of EVALSHA in `INFO commandstats`: medians of batches on subjects drawn at random.
Each number of subjects has a server of its own, and batches are interleaved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from bench import round_trips
from bench.report import Figure, Level
from bench.valkey import Server, start_valkey
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.redis.commands import Commands, Part, tag_of
from sluicegate.state.redis.resp import command
from sluicegate.state.redis.scripts import script

SMALLEST = 1000
BATCHES, BATCH = 20, 1000
STEP = 2.0
"""How much dearer ten times as many subjects may make a call, since caches hold less of them."""
PLACE = ";consumer;requests;plan:bench"
SECOND_US, MINUTE_US, DAY_US = 10**6, 60 * 10**6, 86400 * 10**6


def measure(folder: Path, *, subjects: int) -> tuple[list[Level], list[Figure]]:
    """Measure each way to limit at 1000 subjects, ten times as many, …, and `subjects`."""
    levels: list[Level] = []
    figures: list[Figure] = []
    with ExitStack() as stack:
        ports = {}
        for size in sizes_to(subjects):
            valkey = start_valkey(folder / f"valkey-{size}")
            stack.callback(valkey.stop)
            ports[size] = valkey.port
        for name, group in groups().items():
            found, steepest = cost_of(name, group, ports)
            levels += found
            figures.append(steepest)
    return levels, figures + round_trips.measure(folder / "round-trips")


def sizes_to(subjects: int) -> list[int]:
    """Return 1000, 10,000, … below `subjects`, and that."""
    sizes = [SMALLEST * 10**power for power in range(10)]
    return [*(size for size in sizes if size < subjects), subjects]


def groups() -> dict[str, Group]:
    """Return what is measured. All of it outlives the measurement."""
    windows = {"1": (100, SECOND_US), "60": (5000, MINUTE_US), "86400": (100_000, DAY_US)}
    return {
        "one bucket": Group(
            PLACE,
            [Limit("bucket-86400-requests", TokenBucket(100, DAY_US, 1000))],
        ),
        "three windows": Group(
            PLACE,
            [Limit(f"fixed-{name}-requests", FixedWindow(*each)) for name, each in windows.items()],
        ),
        "a slot": Group(PLACE, [Limit("slots-concurrent", Slots(100, DAY_US))]),
    }


class Caller:
    """Writes the calls for one group, as the gateway does."""

    def __init__(self, group: Group) -> None:
        """Read the scripts."""
        self._group, self.slots = group, group.slots
        self._take, self._settle = script("take"), script("settle")
        self._commands = Commands("sg", self._take)
        self._take_one = self._commands.of(group).take_one

    def take(self, subject: int, ticket: int) -> bytes:
        """Write the take of one unit; only slots need the `ticket`."""
        if not self.slots:
            return self._take_one(tag_of(_name(subject)))
        return self._commands.take(self._part(subject), f"{ticket:020x}")

    def settle(self, subject: int, ticket: int) -> bytes:
        """Write what gives a slot back."""
        return self._commands.settle(self._settle, self._part(subject), f"{ticket:020x}")

    def sources(self) -> list[bytes]:
        """Write what brings the scripts."""
        return [command("SCRIPT", "LOAD", each.source) for each in (self._take, self._settle)]

    def _part(self, subject: int) -> Part:
        name = _name(subject)
        part = Part(tag_of(name))
        part.add(0, Ask(self._group, name), 1)
        return part


def _name(subject: int) -> str:
    return f"=customer-{subject:07}"


def cost_of(name: str, group: Group, ports: dict[int, int]) -> tuple[list[Level], Figure]:
    """Fill a Valkey for each number of subjects, then call each of them in turn, often."""
    caller, random = Caller(group), Random(1)
    bytes_each = {size: _fill(port, caller, size) for size, port in ports.items()}
    times: dict[int, list[float]] = {size: [] for size in ports}
    for batch in range(1, BATCHES + 1):
        for size, port in ports.items():
            subjects = random.choices(range(size), k=BATCH)
            times[size].append(_batch(port, caller, subjects, batch))
    levels = [Level(name, size, bytes_each[size], median(times[size])) for size in ports]
    return levels, step(name, list(times.values()))


def step(name: str, times: list[list[float]]) -> Figure:
    """Return how much dearer a call gets at most from one number of subjects to the next.

    `times` has a list for each number of subjects, with a time for each round.
    """
    worst = 1.0
    for fewer, more in pairwise(times):
        worst = max(worst, median(b / a for a, b in zip(fewer, more, strict=True)))
    return Figure(f"{name}: script CPU with ten times as many subjects", worst, "times", STEP)


def _fill(port: int, caller: Caller, size: int) -> float:
    """Take once for each of so many subjects; returns the bytes that each one costs."""
    with Server(port) as server:
        server.ask(caller.sources())
        _take_all(port, map(caller.take, range(SMALLEST), range(SMALLEST)))
        server.ask([command("FLUSHALL", "SYNC")])  # what first calls allocate is there to stay
        empty = server.memory()
        _take_all(port, map(caller.take, range(size), range(size)))
        (kept,) = server.ask([command("DBSIZE")])
        if kept != size:
            raise RuntimeError(f"{kept} keys are there of {size} subjects")
        return (server.memory() - empty) / size


def _take_all(port: int, takes: Iterator[bytes]) -> None:
    """Make the calls, which all must be admitted, on a connection of their own."""
    waiting = 0
    with Server(port) as server:
        while batch := list(islice(takes, BATCH)):
            server.send(batch)  # while it works on these, the ones before are read
            _admitted(server.read(waiting))
            waiting = len(batch)
        _admitted(server.read(waiting))


def _admitted(answers: list[Any]) -> None:
    if any(answer[0] != 1 for answer in answers):
        raise RuntimeError("a limit was reached that is to be far away")


def _batch(port: int, caller: Caller, subjects: list[int], batch: int) -> float:
    """Take once for each; returns the µs of one. Slots are given back, which is not counted."""
    tickets = range(batch << 32, batch << 32 | len(subjects))
    with Server(port) as server:
        calls, spent = server.counts()["evalsha"]
        _admitted(server.ask(list(map(caller.take, subjects, tickets))))
        after = server.counts()["evalsha"]
        if caller.slots:
            server.ask(list(map(caller.settle, subjects, tickets)))
    return (after[1] - spent) / (after[0] - calls)
