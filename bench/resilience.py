"""What the settings against slow and busy targets bring, each beside the same without it.

    one slow target of three   `peak_ewma` beside `weighted_round_robin`
    twice the load             `concurrency: {limit: adaptive}` beside none

Both gateways of a pair call the same targets and get the same arrivals, in rounds that alternate.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from statistics import median

from bench import compiled, open_loop
from bench.gateway import Gateway, sluicegate
from bench.open_loop import Answer, Arrival, arrivals, percentile
from bench.processes import Running, free_port, start
from bench.report import Pair

QUICK_S, SLOW_S = 0.005, 0.2
"""What two targets take, and the third one."""
RATE = 200.0
"""Requests a second for these."""
AT_ONCE, EACH_S, TARGETS = 4, 0.04, 3
"""What each target of the overload works on at a time, and for how long each."""
CAPACITY = TARGETS * AT_ONCE / EACH_S
"""Requests a second that they can take: 300."""
CRITICAL = 0.2
"""Share of the requests that say they are: 40 % of the capacity, under twice the load."""
GOOD_S = 1.0
"""An answer that came later than this is no good."""
CALM_S = 3.0
"""Half of the load before each overload, long enough to find a limit out. Not counted."""
PORTION = 0.5

OK, REFUSED = 200, 503
BETTER = 0.5
"""What a p99 must not pass, of that of round robin."""

Figures = dict[str, float]
Read = Callable[[Sequence[Answer], float], Figures]


def measure(folder: Path, *, rounds: int, seconds: float) -> list[Pair]:
    """Measure both, `rounds` times `seconds` of load each."""
    return [
        *slow_target(folder / "slow", rounds, seconds),
        *overload(folder / "overload", rounds, seconds),
    ]


def slow_target(folder: Path, rounds: int, seconds: float) -> list[Pair]:
    """Let one target of three be slow."""
    random = Random(1)
    with targets(folder, [(QUICK_S, 0), (QUICK_S, 0), (SLOW_S, 0)]) as ports:
        one, other = _rounds(
            folder,
            (
                configuration(ports, balance="weighted_round_robin"),
                configuration(ports, balance="peak_ewma"),
            ),
            [(arrivals(RATE, 1, random), arrivals(RATE, seconds, random)) for _ in range(rounds)],
            times_of_all,
        )
    name = "one slow target of three, peak_ewma"
    return [
        Pair(f"{name}: p50", "ms", one["p50"], other["p50"]),
        Pair("… p99", "ms", one["p99"], other["p99"], BETTER),
        Pair("… not answered by a 200", "%", one["failed"], other["failed"]),
    ]


def overload(folder: Path, rounds: int, seconds: float) -> list[Pair]:
    """Send twice as much as the targets can take. No breaker: the limit is all that differs."""
    random = Random(2)
    calm = arrivals(CAPACITY * PORTION, CALM_S, random, CRITICAL)
    plans = [(calm, arrivals(2 * CAPACITY, seconds, random, CRITICAL)) for _ in range(rounds)]
    equal = {"balance": "weighted_round_robin", "breaker": None, "ejection": None}
    with targets(folder, [(EACH_S, AT_ONCE)] * TARGETS) as ports:
        one, other = _rounds(
            folder,
            (
                configuration(ports, **equal),
                configuration(ports, **equal, concurrency={"limit": "adaptive"}),
            ),
            plans,
            overload_figures,
        )
    return [
        Pair("twice the load, adaptive: p99 of the 200s", "ms", one["p99"], other["p99"], BETTER),
        Pair(
            f"… 200s within {GOOD_S:g} s (goodput)", "/s", one["good"], other["good"], at_least=1.0
        ),
        Pair("… refused with 503", "%", one["shed"], other["shed"]),
        Pair("… p99 of the 503s", "ms", one["shed_p99"], other["shed_p99"]),
        Pair("… of the critical fifth, refused", "%", one["critical"], other["critical"]),
        Pair("… of it, a 200 within 1 s", "%", one["critical_good"], other["critical_good"]),
        Pair("… neither 200 nor 503", "%", one["failed"], other["failed"]),
    ]


def times_of_all(answers: Sequence[Answer], seconds: float) -> Figures:  # noqa: ARG001 - as the other
    """Return p50 and p99 of all requests, ms, and the share of failures, %."""
    took = [answer.took_s * 1e3 for answer in answers]
    return {
        "p50": percentile(took, 50),
        "p99": percentile(took, 99),
        "failed": share(answers, [each for each in answers if each.status != OK]),
    }


def overload_figures(answers: Sequence[Answer], seconds: float) -> Figures:
    """Return times in ms, goodput in requests a second of load, and shares in %."""
    ok = [each for each in answers if each.status == OK]
    shed = [each for each in answers if each.status == REFUSED]
    good = [each for each in ok if each.took_s <= GOOD_S]
    critical = [each for each in answers if each.critical]
    return {
        "p99": percentile([each.took_s * 1e3 for each in ok], 99),
        "good": len(good) / seconds,
        "shed": share(answers, shed),
        "shed_p99": percentile([each.took_s * 1e3 for each in shed], 99),
        "critical": share(critical, [each for each in shed if each.critical]),
        "critical_good": share(critical, [each for each in good if each.critical]),
        "failed": share(answers, [each for each in answers if each.status not in {OK, REFUSED}]),
    }


def share(of: Sequence[Answer], part: Sequence[Answer]) -> float:
    """Return how much of `of` is `part`, %; 0 of nothing."""
    return 100 * len(part) / len(of) if of else 0.0


def configuration(ports: Sequence[int], **service: object) -> str:
    """Write a configuration whose only service calls `ports`, with the given settings."""
    targets_of = [f"http://127.0.0.1:{port}" for port in ports]
    priority = {"level": "normal", "header": "x-priority", "at_most": "critical"}
    route = {"match": {"path": "/**"}, "service": "bench", "policies": [{"priority": priority}]}
    return json.dumps(
        {
            "services": {"bench": {"targets": targets_of, **service}},
            "routes": {"bench": route},
            "policies": [],
        }
    )


@contextmanager
def targets(folder: Path, kinds: Sequence[tuple[float, int]]) -> Iterator[list[int]]:
    """Run a target for each of `kinds`, seconds and how many at a time; yields their ports."""
    running: list[Running] = []
    try:
        for number, (seconds, at_once) in enumerate(kinds):
            running.append(_target(folder / f"target{number}", seconds, at_once))
        yield [target.port for target in running]
    finally:
        for target in running:
            target.stop()


def _target(folder: Path, seconds: float, at_once: int) -> Running:
    port = free_port()
    arguments = [str(port), str(seconds), str(at_once)]
    environ = {"PYTHONPATH": str(compiled.ROOT)}
    return start([sys.executable, "-m", "bench.target", *arguments], port, folder, environ)


def _rounds(
    folder: Path,
    configurations: tuple[str, str],
    plans: Sequence[tuple[Sequence[Arrival], Sequence[Arrival]]],
    read: Read,
) -> tuple[Figures, Figures]:
    """Send each plan to a gateway of each configuration in turn; returns medians of the rounds.

    A plan is a warm-up, and what is counted.
    """
    seen: tuple[list[Figures], list[Figures]] = ([], [])
    with ExitStack() as stack:
        gateways: list[Gateway] = []
        for number, text in enumerate(configurations):
            gateways.append(sluicegate(folder / f"gateway{number}", text))
            stack.callback(gateways[-1].stop)
        for warm_up, plan in plans:
            for gateway, figures in zip(gateways, seen, strict=True):
                open_loop.run(gateway.port, warm_up)
                answers = open_loop.run(gateway.port, plan)
                figures.append(read(answers, plan[-1].due_s))
    return _medians(seen[0]), _medians(seen[1])


def _medians(rounds: Sequence[Figures]) -> Figures:
    return {name: median(each[name] for each in rounds) for name in rounds[0]}
