"""From the answer to a revocation until every worker of every replica refuses the key."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from outages.load import Load
from outages.outage import STORED, known, prepare
from outages.replica import Replica, request
from outages.report import Report
from outages.world import World
from support.ports import eventually
from support.raw_http import Connection

GIVE_UP_S = 20.0
PUSHED_S, POLLED_S = 1.0, 5.0


def revocation(world: World, times: int, slack: float = 1.0) -> Report:
    """Revoke keys by push, then with the database and the state silent. `slack`: times as long."""
    report = Report("a key is revoked")
    replicas = world.site.crew(2, 2, 2)
    prepare(world, replicas, 1)
    with ExitStack() as stack:
        lines = [line for replica in replicas for line in replica.lines(stack)]
        report.note("workers asked, each by a connection of its own", len(lines))
        pushed = [each for turn in range(times) for each in _revoked(replicas, lines, turn)]
        report.times("refused by all workers (push)", pushed, PUSHED_S * slack)
        world.site.stop_pushing()
        world.valkey.kill()
        polled = [each for turn in range(times) for each in _revoked(replicas, lines, turn)]
        report.times("refused by all workers (poll)", polled, POLLED_S * slack)
        world.valkey.start()
        world.site.push_again()
    return report


def _revoked(replicas: Sequence[Replica], lines: Sequence[Connection], turn: int) -> list[float]:
    """Make a key, have every worker know it, revoke it; return how long each let it in, s."""
    admin = replicas[turn % len(replicas)].admin
    made = admin.key("ann")
    asked = request(STORED, made["key"])
    for line in lines:
        known(line, asked)
    taken = [GIVE_UP_S] * len(lines)
    sent, answered = time.monotonic(), threading.Event()

    def ask(number: int) -> None:
        answered.wait(GIVE_UP_S)
        while time.monotonic() - sent < GIVE_UP_S:
            if lines[number].request(asked).status == 401:
                taken[number] = time.monotonic() - sent
                return
            time.sleep(0.005)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(lines))]
    for thread in threads:
        thread.start()
    sent = time.monotonic()
    admin.revoke(made["name"])
    sent = time.monotonic()
    answered.set()
    for thread in threads:
        thread.join()
    for line in lines:
        assert line.request(asked).status == 401
    return taken


def management_killed(world: World, times: int, slack: float = 1.0) -> Report:
    """End a replica's management by SIGKILL under load, and revoke a key while it is away.

    `slack`: times as long as is documented.
    """
    report = Report("management killed")
    replicas = world.site.crew(2, 2)[:2]
    victim, other = replicas
    keys = prepare(world, replicas, 2)
    load = Load()
    late: list[float] = []
    unknown: list[float] = []
    with ExitStack() as stack:
        lines = victim.lines(stack)
        for line in (*lines, *other.lines(stack)):
            for key in keys:
                known(line, request(STORED, key))
        asked = [(STORED, key) for key in keys]
        stack.enter_context(load.beside(replicas, [*asked, ("/open/x", None)], 20))
        for _ in range(times):
            late_s, unknown_s = _killed(report, victim, other, lines)
            late.append(late_s)
            unknown.append(unknown_s)
    report.note("times killed", times)
    report.times("a key that no worker knew is served again", unknown, GIVE_UP_S)
    report.times("a key revoked meanwhile is refused, from its return on", late, POLLED_S * slack)
    report.load(load)
    return report


def _killed(
    report: Report, victim: Replica, other: Replica, lines: Sequence[Connection]
) -> tuple[float, float]:
    """Return how long after its return a revoked key is let in; and how long a new one is not."""
    revoked, new = (other.admin.key("ann") for _ in range(2))
    asked = request(STORED, revoked["key"])
    for line in lines:
        known(line, asked)
    before = victim.management_pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    began = time.monotonic()
    other.admin.revoke(revoked["name"])
    statuses = set()
    while (status := victim.status(STORED, new["key"])) != 200:
        statuses.add(status)
        assert time.monotonic() - began < GIVE_UP_S, statuses
        time.sleep(0.02)
    report.must(statuses <= {503}, f"a key that no worker knew got {statuses}")
    unknown_s = time.monotonic() - began
    eventually(victim.administered, "its API is there again", within_s=GIVE_UP_S)
    began = time.monotonic()
    for line in lines:
        eventually(partial(_refuses, line, asked), "it is refused", within_s=GIVE_UP_S)
    return time.monotonic() - began, unknown_s


def _refuses(line: Connection, asked: bytes) -> bool:
    return line.request(asked).status == 401
