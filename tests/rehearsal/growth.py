"""Three replicas to ten and back to three, on CPU that was really used."""

from __future__ import annotations

from rehearsal.report import Report
from rehearsal.scenarios import Pace, quiet
from rehearsal.waiting import until
from rehearsal.world import World

PEAK_RATE, LOW_RATE = 300.0, 5.0
"""Requests a second: of ten replicas of `SMALL`, and so few that three are enough."""
SMALL = {
    "gateway": {"resources": {"requests": {"cpu": "40m"}}},
    "autoscaling": {
        "behavior": {
            "scaleDown": {
                "stabilizationWindowSeconds": 60,
                "policies": [
                    {"type": "Pods", "value": 1, "periodSeconds": 10},
                    {"type": "Percent", "value": 20, "periodSeconds": 10},
                ],
            }
        }
    },
}
UP_S, DOWN_S = 240, 300


async def scale(at: World, pace: Pace, report: Report) -> None:
    """More is asked for until there are ten, then less until there are three."""
    await at.upgrade(**SMALL)
    await at.rolled_out()
    await at.settled(3, DOWN_S)
    report.replicas.clear()
    async with at.crowd.beside(PEAK_RATE):
        up = await until(lambda: at.wanted == 10 and len(at.ready()) == 10, at.why, UP_S)
        await quiet(pace)
    async with at.crowd.beside(LOW_RATE):
        down = await at.settled(3, DOWN_S)
    report.notes.append(f"3 to 10 in {up:.0f} s, 10 to 3 in {down:.0f} s")
    counts = [wanted for _, wanted, _ in report.replicas]
    report.must(max(counts) == 10, "there are never more than ten")
    report.must((report.fewest or 0) >= 3, "there are never fewer than three")
