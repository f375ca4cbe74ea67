"""Run the bench: `python -m bench --help`. Exits 1 when a bound is not kept."""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
from pathlib import Path

from bench import chat, compiled, cost, keys, memory, report, resilience, state, trouble
from bench.report import Figure, Results

PARTS = ["cost", "chat", "state", "keys", "memory", "trouble", "resilience"]
QUICK = {
    "rounds": 1, "seconds": 1, "warm_up": 0, "idle": 100, "streams": 20, "requests": 1000,
    "routes": 200, "reloads": 5, "crashes": 1, "burst": 2, "subjects": 2000,
    "keys": 2000, "tokens": 20, "identical": 50,
}  # fmt: skip


def options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=cost.__doc__)
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="default: all")
    add("--pure", action="store_true", help="measure pure Python only: compile nothing")
    add("--only", default="", help="only contenders in whose name this regular expression is")
    add("--rounds", type=int, default=3, help="of every contender, interleaved")
    add("--seconds", type=float, default=3, help="of load per round")
    add("--warm-up", type=float, default=1, help="seconds of load before each round")
    add("--idle", type=int, default=5000, help="idle connections")
    add("--streams", type=int, default=1000, help="open event streams")
    add("--tokens", type=int, default=500, help="streams of 50 tokens a second, each an event")
    add("--identical", type=int, default=1000, help="calls at a time, of which one is made")
    add("--requests", type=int, default=500_000, help="after which growth is measured")
    add("--routes", type=int, default=10_000, help="of the large reload, and stored")
    add("--reloads", type=int, default=1000, help="under load")
    add("--crashes", type=int, default=3, help="workers killed under load")
    add("--subjects", type=int, default=1_000_000, help="of limits, at most")
    add("--keys", type=int, default=1_000_000, help="stored in PostgreSQL")
    add("--burst", type=float, default=6, help="seconds of load on slow and busy targets")
    add("--quick", action="store_true", help="a second of everything: to see that it runs")
    add("--no-result", action="store_true", help="write nothing to bench/results")
    chosen = parser.parse_args(arguments)
    if chosen.quick:
        vars(chosen).update(QUICK)
    return chosen


def main(arguments: list[str]) -> int:
    """Measure, print, keep; returns the exit status."""
    chosen = options(arguments)
    parts = chosen.part or PARTS
    _raise_file_limit()
    if not chosen.pure:
        os.environ["BENCH_COMPILED"] = str(compiled.folder())
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        results = _measure(Path(name), parts, chosen)
    results.ratios = cost.ratios(results.rows)
    results.figures = _bounds(results.ratios) + cost.added(results.rows) + results.figures
    text = report.text(results)
    print(text)
    if not chosen.no_result:
        settings = {name: value for name, value in vars(chosen).items() if name != "python"}
        file = report.write(results, settings)
        print(f"\nwritten to {file}")
        if len(parts) == len(PARTS) and not chosen.quick and not results.missing:
            report.document(text)
    kept = [one.holds for one in results.figures] + [one.holds for one in results.pairs]
    return int(bool(results.missing) or not all(kept))


def _measure(folder: Path, parts: list[str], chosen: argparse.Namespace) -> Results:
    """Do the parts that were asked for."""
    results = Results()
    if "cost" in parts:
        results.rows, results.missing = cost.measure(
            folder / "cost",
            rounds=chosen.rounds,
            seconds=chosen.seconds,
            warm_up=chosen.warm_up,
            only=chosen.only,
        )
    if "chat" in parts:
        found = chat.measure(
            folder / "chat",
            rounds=chosen.rounds,
            seconds=chosen.seconds,
            warm_up=chosen.warm_up,
            streams=chosen.tokens,
            identical=chosen.identical,
            only=chosen.only,
        )
        results.calls, results.figures = found.rows, found.figures
        results.missing += found.missing
    if "state" in parts:
        results.levels, figures = state.measure(folder / "state", subjects=chosen.subjects)
        results.figures += figures
    if "keys" in parts:
        results.figures += keys.measure(
            folder / "keys", keys=chosen.keys, routes=chosen.routes, seconds=chosen.burst
        )
    if "memory" in parts:
        results.figures += memory.measure(
            folder / "memory",
            idle=chosen.idle,
            streams=chosen.streams,
            requests=chosen.requests,
        )
    if "trouble" in parts:
        results.figures += trouble.measure(
            folder / "trouble",
            routes=chosen.routes,
            reloads=chosen.reloads,
            crashes=chosen.crashes,
        )
    if "resilience" in parts:
        results.pairs = resilience.measure(
            folder / "resilience", rounds=chosen.rounds, seconds=chosen.burst
        )
    return results


def _bounds(ratios: dict[str, dict[str, float]]) -> list[Figure]:
    return [
        Figure(f"{name} ÷ {base}", ratios[name][base], "times", bound)
        for (name, base), bound in cost.TARGETS.items()
        if base in ratios.get(name, {})
    ]


def _raise_file_limit() -> None:
    """Idle connections are files; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
