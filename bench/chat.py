"""What a call of a model costs: processor time, and what gateways add to long prompts and streams.

Calls that are counted in money, or answered by a cache, are in `chat_kept`.

The same nginx stands in for both vendors and answers at once, so that nothing is waited for. Each
gateway is asked once before it is measured: what it answers must be the stand-in's words.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import chat_gateways, chat_kept, chat_streams, load
from bench.chat_gateways import (
    FROM_ANTHROPIC,
    MESSAGES,
    PASSED,
    PURE,
    TEXT,
    TO_ANTHROPIC,
    Contender,
    Way,
    contenders,
)
from bench.cost import Row, beside
from bench.processes import Missing, Running
from bench.report import Figure

TOKENS, PROMPT_TOKENS = 225, 100_000
CONNECTIONS = 16
"""Fewer than elsewhere: what is under way at the end of a round is paid for and not counted, and
the slowest take 20 ms for a call."""
WORDS = "the cat sat on the mat and "
"""Seven words, about a token each, of every tokeniser in use."""
MOST_US = {PASSED: 100.0, TO_ANTHROPIC: 250.0, FROM_ANTHROPIC: 250.0}
MOST_PROMPT_MS = 5.0
HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}


@dataclass
class Chat:
    """All that was found out. `rows` are named `gateway: way`."""

    rows: list[Row] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def body_of(way: Way, words: int) -> str:
    """Write a call of about so many tokens."""
    said = (WORDS * (words // 7 + 1)).strip()
    body: dict[str, object] = {"model": way.model, "max_tokens": 1000}
    turns = [{"role": "user", "content": said}]
    if way.path == MESSAGES:
        body |= {"system": "You are brief.", "messages": turns}
    else:
        body["messages"] = [{"role": "system", "content": "You are brief."}, *turns]
    return json.dumps(body)


def measure(
    folder: Path,
    *,
    rounds: int,
    seconds: float,
    warm_up: float,
    streams: int,
    identical: int,
    only: str = "",
) -> Chat:
    """Measure all contenders, in rounds that are interleaved; then long prompts, and streams."""
    found = Chat()
    provider = chat_gateways.stand_in(folder / "provider")
    running: dict[str, Running] = {}
    try:
        plan = _started(folder, provider, running, found, only)
        for _ in range(rounds):
            for name, way, sent in plan:
                _round(found, running[name], f"{name}: {way.name}", way, sent, seconds, warm_up)
        found.figures += costs(found.rows) + chat_kept.costs(found.rows, running)
        if "Sluicegate" in running:
            found.figures += prompts(folder / "prompts", running["Sluicegate"], provider, seconds)
    finally:
        for each in running.values():
            each.stop()
        provider.stop()
    if re.search(only, "Sluicegate", re.IGNORECASE):
        body = body_of(chat_kept.WAYS[0], TOKENS)
        found.figures += chat_kept.identical(folder / "one", body, identical)
        found.figures += chat_streams.measure(folder / "streams", streams, seconds, rounds)
    return found


def _started(
    folder: Path, provider: Running, running: dict[str, Running], found: Chat, only: str
) -> list[tuple[str, Way, load.Post]]:
    """Start everybody; returns who is asked for what, with the script that does it."""
    plan: list[tuple[str, Way, load.Post]] = []
    for name, contender in (contenders(provider.port) | chat_kept.contenders()).items():
        twice = name == PURE and "BENCH_COMPILED" not in os.environ
        if twice or not re.search(only, name, re.IGNORECASE):
            continue
        try:
            running[name] = contender.start(folder / f"c{len(running)}", provider.port)
        except Missing as problem:
            found.missing.append(f"{name}: needs {problem}")
            continue
        except RuntimeError as problem:
            found.missing.append(f"{name}: {problem}")
            continue
        plan += _asked(folder, name, contender, running[name].port, found)
    return plan


def _asked(
    folder: Path, name: str, contender: Contender, port: int, found: Chat
) -> list[tuple[str, Way, load.Post]]:
    """Return the ways that work."""
    plan: list[tuple[str, Way, load.Post]] = []
    for way in contender.ways:
        body = body_of(way, TOKENS)
        problem = trial(port, way, body)
        if problem is not None:
            found.missing.append(f"{name}: {way.name}: {problem}")
            continue
        found.rows.append(Row(f"{name}: {way.name}"))
        file = folder / f"{len(found.rows)}.lua"
        plan.append((name, way, load.post(file, way.path, body)))
    return plan


def trial(port: int, way: Way, body: str) -> str | None:
    """Call once; returns what is wrong with the answer."""
    headers = HEADERS | dict(header.split(": ", 1) for header in way.headers)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", way.path, body, headers)
        answer = connection.getresponse()
        said = answer.read().decode("utf-8", "replace")
    finally:
        connection.close()
    if answer.status != http.HTTPStatus.OK or TEXT not in said:
        return f"answered {answer.status}: {said[:300]}"
    return None


def _round(
    found: Chat,
    contender: Running,
    name: str,
    way: Way,
    sent: load.Post,
    seconds: float,
    warm_up: float,
) -> None:
    row = next(row for row in found.rows if row.name == name)
    headers = (*way.headers, "anthropic-version: 2023-06-01")
    if warm_up:
        load.run(contender.port, warm_up, headers, CONNECTIONS, sent)
        _rest(contender)
    before = contender.cpu_seconds(), *beside(contender)
    seen = load.run(contender.port, seconds, headers, CONNECTIONS, sent)
    if chat_kept.kept_entries(contender) is not None:
        _rest(contender)  # what it has put off is paid for, too
    after = contender.cpu_seconds(), *beside(contender)
    calls = max(1, seen.requests)
    cpu_s, valkey_s, scripts = (now - then for then, now in zip(before, after, strict=True))
    row.cpu_us.append(cpu_s / calls * 1e6)
    if contender.beside:
        row.valkey_us.append(valkey_s / calls * 1e6)
        row.scripts.append(scripts / calls)
    row.loads.append(seen)
    row.memory_mb = contender.memory_mb()


def _rest(contender: Running) -> None:
    """Wait until a gateway has done with what nobody waits for any more, 10 s at most.

    That are calls that wrk has left, and entries of a ledger, which are moved four times a second.
    """
    end, before = time.monotonic() + 10, -1.0
    while time.monotonic() < end and contender.cpu_seconds() > before + 0.02:
        before = contender.cpu_seconds()
        time.sleep(0.4)


def costs(rows: list[Row]) -> list[Figure]:
    """Return what Sluicegate's calls cost, with the bounds."""
    return [
        Figure(f"Sluicegate: {name}", median(row.cpu_us), "CPU-µs", bound)
        for name, bound in MOST_US.items()
        for row in rows
        if row.name == f"Sluicegate: {name}"
    ]


def prompts(folder: Path, gateway: Running, provider: Running, seconds: float) -> list[Figure]:
    """Return what a long prompt takes longer than without a gateway: medians, one at a time."""
    figures: list[Figure] = []
    bounds = {PASSED: MOST_PROMPT_MS, TO_ANTHROPIC: None}
    ways = contenders(provider.port)["Sluicegate"].ways
    for way in ways:
        if way.name not in bounds:
            continue
        body = body_of(way, PROMPT_TOKENS)
        sent = load.post(folder / f"{len(figures)}.lua", way.path, body)
        times = [
            load.run(port, seconds, way.headers, connections=1, sent=sent).p50_ms
            for port in (provider.port, gateway.port)
        ]
        size = f"{PROMPT_TOKENS:,} tokens ({len(body) / 1000:.0f} KB)"
        name = f"added to a prompt of {size}, {way.name}: p50"
        figures.append(Figure(name, times[1] - times[0], "ms", bounds[way.name]))
    return figures
