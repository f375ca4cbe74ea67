"""Concurrency: no more at the same time than there are slots, and none is lost for good."""

from __future__ import annotations

import asyncio
from pathlib import Path

from truth.evidence import most_together
from truth.load import Asker
from truth.report import Report, Row, weigh
from truth.world import DEGRADED, Shape, World, world

SLOTS = 10
EXPIRY_S = 3
WORK_MS = 200
PATIENT = "slots"
HASTY = "hasty"
RATE = 100
ROUTE = [{"concurrency": {"limit": SLOTS, "by": "header:host", "expiry": f"{EXPIRY_S}s"}}]


async def play_slots(name: str, seconds: float, folder: Path) -> Report:
    """Fill the slots, let clients go away and targets be late, kill a replica; then count."""
    report = Report(name, faultless=True)
    policies = {PATIENT: ROUTE, HASTY: ROUTE}
    async with world(folder, Shape("single"), policies) as at:
        asker = Asker(PATIENT, f"/{PATIENT}?ms={WORK_MS}", RATE)
        leaving = Asker(HASTY, f"/{PATIENT}?ms={WORK_MS}", RATE / 2, abandons_s=WORK_MS / 2000)
        async with at.load.beside(asker):
            await asyncio.sleep(seconds)
        whole = sum(each.status == 200 for each in at.load.results)
        await asyncio.sleep(1)
        async with at.load.beside(asker, leaving):
            await asyncio.sleep(seconds)
        await asyncio.sleep(1)
        after_leaving = await _had_at_once(at)
        async with at.load.beside(asker):
            await asyncio.sleep(seconds / 2)
            at.load.leave(0)
            at.replicas[0].kill()
            await asyncio.sleep(seconds / 2)
        await asyncio.sleep(EXPIRY_S + 1)
        after_kill = await _had_at_once(at)
    for what, had in (("clients left", after_leaving), ("a replica was killed", after_kill)):
        report.notes.append(f"after {what}: {had} slots could be had")
        if had != SLOTS:
            report.wrong.append(f"after {what}: {had} of {SLOTS} slots could be had")
    spans = [(since, until) for since, until in at.reads().values() if until]
    asked, most = len(at.load.results), most_together(spans)
    least = int(SLOTS * seconds * 1000 / WORK_MS * 0.8)
    report.rows = [Row(PATIENT, asked, most, SLOTS, whole, least)]
    report.degraded = int(at.counted(DEGRADED))
    alive = [e for e in at.load.results if e.status > 0 or e.replica not in at.load.gone]
    weigh(report, [e for e in alive if e.asker != HASTY or e.status], frozenset())
    return report


async def _had_at_once(at: World) -> int:
    """Count the slots that can be had: ask for twice as many at the same time."""
    asker = Asker(PATIENT, f"/{PATIENT}?ms=1000", RATE)
    answers = await at.load.at_once(asker, 2 * SLOTS)
    return sum(each.status == 200 for each in answers)
