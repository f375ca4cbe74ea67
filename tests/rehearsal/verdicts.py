"""What of a rehearsal could have been saved: the rule of `chaos.verdicts`, seen from the Ingress.

The upstream is there all the while, so nothing is lost to it. What is taken away are pods. One that
is drained has to finish what it has, so whatever fails then could have been saved. One that is
killed takes with it what it alone could finish: an answer that had begun, and a POST that an
upstream has read. A POST that it was given and no upstream has read could have been saved as well,
but by nobody except the Ingress, which cannot know that and rightly does not send it again
(`proxy_next_upstream` without `non_idempotent`): a reason of its own, counted by itself.

Where a request went says the Ingress, what was read says the upstream; neither is guessed by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from chaos.load import ANOTHERS, Result
from chaos.verdicts import (
    DRAINED,
    FAULTS,
    IDEMPOTENT,
    KEPT,
    MIXED_UP,
    SAVABLE,
    TURNED_AWAY,
    Absence,
    Read,
)
from chaos.verdicts import Evidence as AtTargets

KILLED = "a pod was killed: the answer had begun"
ON_ITS_WAY = "a pod was killed: the upstream had read what may not be sent twice"
TOO_LARGE = "a pod was killed: the body was too large to be kept"
INGRESS = "a pod was killed: it had what no upstream has read, and may not be sent twice"

__all__ = ["FAULTS", "INGRESS", "Evidence"]


class Evidence(AtTargets):
    """What is known besides what clients saw.

    `deaths` are of pods, by their addresses; `sent_to` is where the Ingress sent a request, by id.
    """

    def __init__(
        self, deaths: Sequence[Absence], reads: Iterable[Read], sent_to: Mapping[str, str]
    ) -> None:
        super().__init__(["upstream"], deaths, reads, {})
        self._sent_to = sent_to

    def lost_because(self, result: Result) -> str:
        """Say why a request that failed was lost: one of FAULTS, or what excuses it."""
        if result.refused:
            return TURNED_AWAY
        if result.problem == ANOTHERS:
            return MIXED_UP
        killed = self._was_with_the_dead(result)
        if result.status == 200:
            return KILLED if killed else DRAINED
        if result.method in IDEMPOTENT:
            return TOO_LARGE if killed and result.body_bytes > KEPT else SAVABLE
        read = self.heads[result.method, result.name]
        if killed:
            return ON_ITS_WAY if read else INGRESS
        return DRAINED if read else SAVABLE

    def _was_with_the_dead(self, result: Result) -> bool:
        """Whether a pod that died meanwhile had it, and said nothing of its own about it."""
        pod = self._sent_to.get(result.name)
        return not result.problem and any(
            each.who == pod and each.meets(result) for each in self._absences
        )
