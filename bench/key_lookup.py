"""CPU of finding out whose a key is, in one worker: `python -m bench.key_lookup` prints it.

Run by a process of its own, from the compiled wheel where there is one (`BENCH_COMPILED`).
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import astuple
from pathlib import Path

from bench.report import Figure
from sluicegate.clock import Clock
from sluicegate.journey.authenticate import keyring
from sluicegate.journey.authenticate.key_record import KeyRecord
from sluicegate.metrics import Metrics
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.key import new_key
from sluicegate.snapshot.keys import KeyDirectory, digest

ROOT = Path(__file__).parents[1]
PEPPER = b"p" * 32
KEYS = 20_000
PASSES = 7
CACHED_US = 4
FULL = 65_536
SLICE_MS = 2
"""How long the loop may be held up."""


class Source:
    """A store with every key in it."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        """Take the keys."""
        self.digests = {raw[:-49].decode(): digest(PEPPER, raw).hex() for raw in keys}

    async def find(self, name: str) -> FoundKey | None:
        """Answer at once."""
        key = Key(hash="p:" + self.digests[name])
        return FoundKey(name, key, "consumer of " + name, Consumer(plan="free"), None)


def measure() -> list[Figure]:
    """Measure in another process."""
    environ = dict(os.environ)
    if "BENCH_COMPILED" in environ:
        environ["PYTHONPATH"] = os.pathsep.join((environ["BENCH_COMPILED"], str(ROOT)))
    command = [sys.executable, "-m", "bench.key_lookup", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True)
    return [Figure(*each) for each in json.loads(done.stdout)]


async def figures(count: int = KEYS, full: int = FULL) -> list[Figure]:
    """Measure here; `count` keys are looked up, `full` are remembered at the end."""
    raw = [new_key("local").encode() for _ in range(count)]
    files = {digest(PEPPER, each): KeyRecord("c", Consumer(), None, "k") for each in raw}
    declared, none = KeyDirectory([("p", PEPPER, files)]), KeyDirectory([("p", PEPPER, {})])
    ring = keyring.Keyring(Source(raw), Clock(), Metrics(), 1e9)
    empty = keyring.Keyring(None, Clock(), Metrics())
    for each in raw:
        await ring.fetch(each[:-49].decode(), each, none, "192.0.2.7")
    cut_off = [each[:-1] + b"-" for each in raw]
    return [
        Figure("a cached key", _each(raw, lambda k: ring.find(k, none, 0.0)), "µs", CACHED_US),
        Figure(
            "a cached key, after a change",
            _each(raw, lambda k: ring.find(k, none, 0.0), lambda: ring.forget_consumers(["other"])),
            "µs",
        ),
        Figure("a key of the file", _each(raw, lambda k: empty.find(k, declared, 0.0)), "µs"),
        Figure("no key of ours", _each(cut_off, lambda k: ring.find(k, none, 0.0)), "µs"),
        *await _of_many(full),
    ]


def _each(
    keys: list[bytes], find: Callable[[bytes], object], before: Callable[[], object] = list
) -> float:
    """Return the median of some passes, less what calling costs, in CPU-µs per key.

    `before` is called before each pass.
    """
    passes = []
    for _ in range(PASSES):
        before()
        passes.append(_pass(keys, find) - _pass(keys, _nothing))
    return statistics.median(passes)


def _pass(keys: list[bytes], find: Callable[[bytes], object]) -> float:
    began = time.process_time()
    for key in keys:
        find(key)
    return (time.process_time() - began) / len(keys) * 1e6


def _nothing(_key: bytes) -> None:
    """Cost what a call costs."""


async def _of_many(full: int) -> list[Figure]:
    """Fill the cache: what that takes, and how long forgetting a consumer holds the loop."""
    none = KeyDirectory([("p", PEPPER, {})])
    raw = [new_key("local").encode() for _ in range(full)]
    ring = keyring.Keyring(Source(raw), Clock(), Metrics(), 1e9)
    gc.collect()
    tracemalloc.start()
    for each in raw:
        await ring.fetch(each[:-49].decode(), each, none, "192.0.2.7")
    ring.used()
    gc.collect()
    held_mb = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    began = time.process_time()
    ring.forget_consumers(["somebody"])
    took_ms = (time.process_time() - began) * 1e3
    return [
        Figure(f"{full:,} cached keys", held_mb, "MB"),
        Figure(f"forget a consumer among {full:,}", took_ms, "ms", SLICE_MS),
    ]


def main(arguments: list[str]) -> None:
    """Print the figures."""
    found = asyncio.run(figures())
    if "--json" in arguments:
        print(json.dumps([astuple(each) for each in found]))
        return
    print("compiled" if keyring.__file__.endswith(".so") else "pure Python")
    for each in found:
        print(f"{each.name:40} {each.value:8.2f} {each.unit}")


if __name__ == "__main__":
    main(sys.argv[1:])
