"""The words that the data port answers to load balancers.

    GET /actuator/health/liveness     UP | DOWN             restart the replica when DOWN
    GET /actuator/health/readiness    UP | OUT_OF_SERVICE   send it no new requests
    GET /actuator/health/region       UP | OUT_OF_SERVICE   the same, for routing between regions

Liveness: the supervisor and at least one worker beat. Readiness: at least half of the workers hold
a valid snapshot and none is draining. Neither depends on anything outside the replica.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.journey.run import PROBES

if TYPE_CHECKING:
    from sluicegate.clock import Clock


class HealthView:
    """What this process may say about its replica. Updated by control messages, read per request.

    What was heard longer than `silence_s` ago is not believed: the supervisor hangs.
    """

    __slots__ = ("_clock", "_heard_at", "_live", "_ready", "_silence_s", "draining")

    def __init__(self, clock: Clock, silence_s: float) -> None:
        """Start alive and not ready."""
        self._clock = clock
        self._silence_s = silence_s
        self._heard_at = clock.monotonic()
        self._live = True
        self._ready = False
        self.draining = False

    def heard(self, *, live: bool, ready: bool) -> None:
        """Take over the verdict of whoever watches the whole replica."""
        self._heard_at = self._clock.monotonic()
        self._live = live
        self._ready = ready

    def liveness(self) -> str:
        """Return `UP` or `DOWN`."""
        fresh = self._clock.monotonic() - self._heard_at < self._silence_s
        return "UP" if self._live and fresh else "DOWN"

    def readiness(self) -> str:
        """Return `UP` or `OUT_OF_SERVICE`."""
        ready = self._ready and not self.draining and self.liveness() == "UP"
        return "UP" if ready else "OUT_OF_SERVICE"

    def region(self) -> str:
        """Return `UP` or `OUT_OF_SERVICE`: a region of one replica is as ready as that replica."""
        return self.readiness()

    def answer(self, path: str) -> tuple[int, bytes] | None:
        """Return status and JSON body for a path of the data port, None when it is none of these.

        200 with `UP`, else 503, as Spring's actuator does it and load balancers expect it.
        """
        words = {"liveness": self.liveness, "readiness": self.readiness, "region": self.region}
        word = words.get(path.removeprefix(PROBES)) if path.startswith(PROBES) else None
        if word is None:
            return None
        status = word()
        return (200 if status == "UP" else 503), b'{"status":"%s"}' % status.encode()
