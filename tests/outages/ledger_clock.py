"""The clock of the state's server is set back by a month, and forward again, under load.

Budgets go by that clock. It is moved by a library of a few lines, put before the server's own.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from outages.ledger_kills import Calls
from outages.ledger_site import LedgerSite, nothing_lost
from outages.report import Report
from outages.world import World
from support.ports import eventually
from support.valkey import Valkey

BACK_S = 31 * 86400
USED_UP = 429
EARLIER = """
SELECT count(*) FROM ledger
WHERE to_timestamp(at_us / 1e6) < date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
"""
SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static volatile long long *moved;
__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("MOVED_BY"), O_RDONLY);
    moved = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
    int done = real(at, zone);
    if (moved) at->tv_sec += *moved;
    return done;
}
int clock_gettime(clockid_t which, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(which, at);
    if (moved && which == CLOCK_REALTIME) at->tv_sec += *moved;
    return done;
}
"""


class MovedClock:
    """How to start a server whose clock can be moved; `program` starts it."""

    def __init__(self, folder: Path, program: str) -> None:
        compiler = shutil.which("cc")
        assert compiler, "there is no C compiler: scripts/install-debian.sh"
        folder.mkdir(parents=True, exist_ok=True)
        source, library = folder / "moved.c", folder / "moved.so"
        self._by = folder / "moved.by"
        source.write_text(SOURCE)
        subprocess.run(
            [compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60
        )
        self.move(0)
        self.program = folder / "server"
        environ = f"MOVED_BY={self._by} LD_PRELOAD={library}"
        self.program.write_text(f'#!/bin/sh\nexec env {environ} {program} "$@"\n')
        self.program.chmod(0o700)

    def move(self, seconds: int) -> None:
        """Have the clock be so far from the true one."""
        with self._by.open("r+b" if self._by.exists() else "wb") as file:
            file.write(struct.pack("<q", seconds))


def clock_set_back(world: World, calls: Calls) -> Report:
    """Use a budget up while the clock goes back into the month before, and to this one again."""
    report = Report("ledger: clock set back")
    clock = MovedClock(world.folder / "clock", Valkey(world.folder).program)
    server = world.stack.enter_context(Valkey(world.folder, program=str(clock.program)))
    budget = 2 * (calls.before + calls.after)
    site = LedgerSite(world, server.url, allow=f"{budget / 100:.2f}/month")
    replicas = site.add(2)
    load = site.load("a")
    with server.client() as client, load.beside(replicas, calls.clients):
        load.answered(calls.before)
        true_s = client.time()[0]
        clock.move(-BACK_S)
        eventually(lambda: client.time()[0] < true_s - BACK_S / 2, "the clock was set back")
        load.answered(calls.after)
        clock.move(0)
        load.answered(calls.before)
        clock.move(-BACK_S)
        load.answered(calls.clients, USED_UP, within_s=60)
        let_in = load.statuses[200]
        load.answered(calls.clients, USED_UP)
        clock.move(0)
        load.answered(calls.clients, USED_UP)
    with server.client() as client:
        site.at_rest(client)
    report.note("days that the clock was set back, twice", BACK_S // 86400)
    report.note("budget, in calls; let in", f"{budget}; {let_in}")
    found = nothing_lost(report, site, "a", load)
    report.must(len(found.upstream) == budget, f"{len(found.upstream)} calls of {budget}")
    [[earlier]] = site.server.execute(EARLIER, site.database)
    report.note("lines of the month before", earlier)
    report.must(earlier == "0", f"{earlier} lines are of the month before")
    for replica in replicas:
        replica.stop()
    return report
