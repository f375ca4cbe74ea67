"""What of the store can run beside the file: everything, unless something does not fit.

A stored resource that does not fit is left out, whoever wrote it and when: two regions may each
have accepted a change that the other's makes impossible, and a file may declare less than before.
What is run follows from the file and the newest revisions alone, so that all replicas run the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sluicegate.snapshot.document import Resources
from sluicegate.snapshot.stored import item_of

if TYPE_CHECKING:
    from sluicegate.errors import Fault
    from sluicegate.snapshot.fusion import Fused, Fusion, Item


class Fit(NamedTuple):
    """What can run: `fused`. `faults` say what was left out and why, `left_out` what."""

    fused: Fused
    faults: Sequence[Fault]
    left_out: frozenset[Item]

    @property
    def whole(self) -> Resources:
        """What runs, the file's resources and the stored ones."""
        return self.fused.resources

    def beside(self, file: Resources) -> Resources:
        """Return the part of it that the file does not declare."""
        items = {key: raw for key, raw in self.whole.items.items() if key not in file.items}
        return Resources.of(items)

    def brought_since(self, before: Fit, changed: Collection[Item]) -> list[Fault]:
        """Return the faults of what was changed, and of what ran before and would not now."""
        spared = before.left_out.difference(changed)
        old = {fault for fault in before.faults if item_of(fault.path) is None}
        return [f for f in self.faults if item_of(f.path) not in spared and f not in old]

    def callers_since(self, before: Fit | None) -> tuple[list[str], list[str]]:
        """Return the consumers, and the teams, that run otherwise than in `before`."""
        now, had = self.whole.items, {} if before is None else before.whole.items
        moved = [item for item in now.keys() | had.keys() if now.get(item) != had.get(item)]
        consumers = sorted(name for kind, name in moved if kind == "consumer")
        return consumers, sorted(name for kind, name in moved if kind == "team")


def together(file: Resources, stored: Resources) -> Resources:
    """Return what runs: both; of what both have, the file's."""
    return Resources.of({**stored.items, **file.items})


class Fitting:
    """Fuses, and tries to compile what was fused."""

    def __init__(
        self, fusion: Fusion, trial: Callable[[Resources], Awaitable[list[Fault]]]
    ) -> None:
        """`trial` compiles as a worker would, and says what is wrong."""
        self.fusion = fusion
        self._trial = trial
        self._lock = asyncio.Lock()

    async def fit(
        self, file: Resources, contents: Mapping[Item, bytes], secrets: Callable[[str], str]
    ) -> Fit:
        """Find what can run. `secrets` gives a secret's text; raises KeyError for one that is not.

        Where the file itself does not compile, its faults are among those returned.
        """
        async with self._lock:
            left = dict(contents)
            out: list[Fault] = []
            gone: set[Item] = set()
            while True:
                # In a thread: 10 000 resources that are new take seconds.
                fused = await asyncio.to_thread(self.fusion.fuse, file, left, secrets)
                faults = [fused.hide(fault) for fault in await self._trial(fused.resources)]
                at_fault = {item_of(fault.path) for fault in faults} & left.keys()
                if not at_fault:
                    left_out = fused.left_out | gone
                    return Fit(fused, [*fused.faults, *out, *faults], left_out)
                out += faults
                for item in at_fault:
                    if item is not None:
                        gone.add(item)
                        del left[item]
