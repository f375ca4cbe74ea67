"""Stored keys that are known here, and names that are known to be nobody's. Both are bounded.

Known keys are in two generations: when the younger one is full, the older one is dropped and it
takes that one's place. What is used in the meantime is taken over, so what is dropped was not used
for as long as it took to see half as many keys as fit.

A consumer or a team that has changed is marked, and its keys are forgotten when they are asked for:
to look for them among all would take milliseconds. A generation has the marks that were made in its
time, which is all that concern keys that came, or were taken over, in its time. What is dropped is
freed bit by bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.journey.authenticate.key_record import KeyRecord

FREED_AT_ONCE: Final = 4
"""Keys that are freed with each that comes: a generation is gone before the next is dropped."""
MOST_KEYS: Final = 65_536
"""About 50 MB where every key is of a consumer of its own (`python -m bench.key_lookup`)."""
MOST_ABSENT: Final = 16_384
ABSENT_S: Final = 5.0
"""How long a name stays nobody's: as long as a new key may take to be known by polling."""


class KnownKey:
    """A stored key: `digest` under the pepper of that name, whose it is, and when to ask again.

    `checked` is the number of the last change of the cache's that is known not to concern it.
    """

    __slots__ = ("checked", "digest", "due", "name", "pepper", "record")

    def __init__(
        self, name: str, pepper: str, digest: bytes, record: KeyRecord, due: float
    ) -> None:
        """`due` is in monotonic seconds."""
        self.name = name
        self.pepper = pepper
        self.digest = digest
        self.record = record
        self.due = due
        self.checked = 0


class Generation:
    """Keys by name, and the consumers and teams that have changed, with the number of the change.

    Changes are numbered from 1.
    """

    __slots__ = ("consumers", "keys", "teams")

    def __init__(self) -> None:
        """Start empty."""
        self.keys: dict[bytes, KnownKey] = {}
        self.consumers: dict[str, int] = {}
        self.teams: dict[str, int] = {}

    def concerns(self, known: KnownKey) -> bool:
        """Say whether a change came after the key was last looked at."""
        record, checked = known.record, known.checked
        if self.consumers.get(record.consumer_name, 0) > checked:
            return True
        team = record.consumer.team
        return team is not None and self.teams.get(team, 0) > checked


class KeyCache:
    """Keys and absences by name, as they stand in what is presented."""

    __slots__ = (
        "_absent", "_changes", "_doubted", "_dropped", "_half", "_most_absent", "_older",
        "_younger",
    )  # fmt: skip

    def __init__(self, most_keys: int = MOST_KEYS, most_absent: int = MOST_ABSENT) -> None:
        """Start empty."""
        self._half = max(1, most_keys // 2)
        self._most_absent = most_absent
        self._younger = Generation()
        self._older = Generation()
        self._dropped: list[dict[bytes, KnownKey]] = []
        self._absent: dict[bytes, float] = {}
        self._changes = 0
        self._doubted = 0

    def __len__(self) -> int:
        """Count the keys, also those that are to be forgotten: none is in both generations."""
        return len(self._younger.keys) + len(self._older.keys)

    def get(self, name: bytes) -> KnownKey | None:
        """Return the key of this name, where it is known."""
        known = self._younger.keys.get(name)
        if known is None:
            if not self._older.keys:
                return None
            known = self._older.keys.pop(name, None)
            if known is None or self._is_outdated(known):
                return None
            self._insert(name, known)
        elif known.checked != self._changes and self._is_outdated(known):
            del self._younger.keys[name]
            return None
        return known

    def put(self, known: KnownKey) -> None:
        """Keep a key, in place of what was known of its name."""
        name = known.name.encode()
        self._absent.pop(name, None)
        self._older.keys.pop(name, None)
        known.checked = self._changes
        self._insert(name, known)

    def _is_outdated(self, known: KnownKey) -> bool:
        if self._younger.concerns(known) or self._older.concerns(known):
            return True
        if known.checked < self._doubted:
            known.due = 0.0
        known.checked = self._changes
        return False

    def _insert(self, name: bytes, known: KnownKey) -> None:
        if len(self._younger.keys) >= self._half:
            self._age()
        self._younger.keys[name] = known
        if self._dropped:
            self._free()

    def _age(self) -> None:
        self._drop(self._older.keys)
        self._older, self._younger = self._younger, Generation()

    def _drop(self, keys: dict[bytes, KnownKey]) -> None:
        if keys:
            self._dropped.append(keys)

    def _free(self) -> None:
        last = self._dropped[-1]
        for _ in range(min(FREED_AT_ONCE, len(last))):
            last.popitem()
        if not last:
            self._dropped.pop()

    def is_absent(self, name: bytes, now: float) -> bool:
        """Say whether the name was nobody's when it was last asked for, not long ago."""
        until = self._absent.get(name)
        return until is not None and now < until

    def put_absent(self, name: bytes, now: float) -> None:
        """Keep that the name is nobody's."""
        self._younger.keys.pop(name, None)
        self._older.keys.pop(name, None)
        self._absent.pop(name, None)  # so that they stand in the order in which they end
        while self._absent:
            first = next(iter(self._absent))
            if len(self._absent) < self._most_absent and now < self._absent[first]:
                break
            del self._absent[first]
        self._absent[name] = now + ABSENT_S

    def forget(self, name: bytes) -> None:
        """Know nothing of a name."""
        self._younger.keys.pop(name, None)
        self._older.keys.pop(name, None)
        self._absent.pop(name, None)

    def forget_consumers(self, consumers: frozenset[str]) -> None:
        """Forget all keys of these consumers."""
        self._mark(self._younger.consumers, consumers)

    def forget_teams(self, teams: frozenset[str]) -> None:
        """Forget all keys of consumers of these teams."""
        self._mark(self._younger.teams, teams)

    def _mark(self, marks: dict[str, int], changed: frozenset[str]) -> None:
        self._changes += 1
        for each in changed:
            marks[each] = self._changes
        if len(marks) > self._half:  # marks are bounded like keys
            self._age()

    def doubt(self) -> None:
        """Have every key asked for anew when it is next used; until then it is served."""
        self._changes += 1
        self._doubted = self._changes
        self._absent.clear()
