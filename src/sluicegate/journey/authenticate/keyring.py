"""Whose a key is: of the configuration at once, of the store by asking once.

A worker has one. What it knows of a stored key serves until it is told to forget it, and is asked
for anew every hour, in the background. Names that are nobody's are remembered for seconds. Every
name is asked for once at a time, however many wait; how many are asked for is bounded. What is no
key of ours by its form is never asked for.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from sluicegate.errors import ABNORMAL_USAGE, UNAVAILABLE, Refused, StoreAway
from sluicegate.journey.authenticate.key_cache import KeyCache, KnownKey
from sluicegate.journey.authenticate.key_record import KeyRecord, record_of
from sluicegate.journey.authenticate.misses import GRANTED, OVER_SHARE, Misses
from sluicegate.model.key import CRC_CHARACTERS, MAX_KEY_BYTES, SECRET_CHARACTERS, parse

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Cell, Metrics
    from sluicegate.model.consumer import FoundKey
    from sluicegate.snapshot.keys import KeyDirectory

PREFIX: Final = b"sg_"
TAIL: Final = SECRET_CHARACTERS + CRC_CHARACTERS
AGAIN_S: Final = 3600.0
"""How long a key is served before it is asked for anew, give or take a tenth."""
RETRY_S: Final = 60.0
"""Until the next try, where it could not be asked for anew."""
WAIT_S: Final = 2.0
"""How long anybody waits for an answer. The store's own time-outs may be longer."""
MISSES_PER_S: Final = 200.0
MOST_LOGGED: Final = 64
MOST_UNTOLD: Final = 131_072
"""Keys of which it is kept when they were used, where nobody fetches that."""
TOLD_AT_ONCE: Final = 1000
RETRY_AFTER: Final = ((b"retry-after", b"1"),)


class KeySource(Protocol):
    """Who can be asked for stored keys."""

    async def find(self, name: str) -> FoundKey | None:
        """Return the living key of that name. Raises StoreAway where nobody can say."""


class Question:
    """A name that is being asked for. `done` says whether there was an answer."""

    __slots__ = ("done", "outdated", "task")

    def __init__(self, done: asyncio.Future[bool]) -> None:
        """Nobody is asked yet."""
        self.done = done
        self.outdated = False
        self.task: asyncio.Task[bool] | None = None


class Keyring:
    """Finds who shows a key."""

    __slots__ = (
        "_absent", "_away", "_cache", "_cached", "_clock", "_found", "_limited", "_misses",
        "_questions", "_source", "_strange", "_unpeppered", "_used",
    )  # fmt: skip

    def __init__(
        self,
        source: KeySource | None,
        clock: Clock,
        metrics: Metrics,
        misses_per_s: float = MISSES_PER_S,
        cache: KeyCache | None = None,
    ) -> None:
        """`misses_per_s` is this worker's part; without a `source` there are no stored keys."""
        self._source = source
        self._clock = clock
        self._cache = KeyCache() if cache is None else cache
        self._misses = Misses(misses_per_s)
        self._questions: dict[str, Question] = {}
        self._used: dict[str, float] = {}
        self._strange: set[str] = set()
        lookups = metrics.family(
            "sluicegate_key_lookups_total",
            "counter",
            "Look-ups of keys that are not of the file, by outcome: `cached` (known here), `found` "
            "(by asking the store), `unknown` (nobody's), `limited` (too many were unknown) and "
            "`away` (the store did not answer).",
            ("outcome",),
        )
        self._cached: Cell = lookups.cell("cached")
        self._found: Cell = lookups.cell("found")
        self._absent: Cell = lookups.cell("unknown")
        self._limited: Cell = lookups.cell("limited")
        self._away: Cell = lookups.cell("away")
        self._unpeppered: Cell = metrics.family(
            "sluicegate_keys_unpeppered_total",
            "counter",
            "Stored keys that were shown and refused because their pepper is not known here.",
        ).cell()
        gauge = metrics.family(
            "sluicegate_keys_cached", "gauge", "Stored keys that workers know."
        ).cell()

        def observe() -> None:
            gauge.value = len(self._cache)

        if source is not None:
            metrics.at_scrape(observe)

    # --- asked by requests ----------

    def find(self, presented: bytes, keys: KeyDirectory, now: float) -> KeyRecord | str | None:
        """Return whose key this is, None for nobody's, or a name to `fetch`.

        `keys` are those of the configuration; `now` is in monotonic seconds.
        """
        if self._source is None or not presented.startswith(PREFIX):
            return keys.find(presented)
        known = self._cache.get(presented[:-TAIL])
        if known is not None:
            return self._verify(known, presented, keys, now, self._cached)
        record: KeyRecord | None = keys.find(presented)
        if record is not None:
            return record
        name = parse(presented)
        if name is None or self._cache.is_absent(name, now):
            self._absent.value += 1
            return None
        return name.decode()

    async def fetch(
        self, name: str, presented: bytes, keys: KeyDirectory, address: str
    ) -> KeyRecord | None:
        """Ask for what `find` did not know. Raises Refused: 429 or 503 where nobody was asked."""
        now = self._clock.monotonic()
        until = now + WAIT_S
        raw = name.encode()
        while now < until:
            question = self._questions.get(name)
            if question is None:
                self._admit(address, now)
                question = self._ask(name)
            if not await asyncio.shield(question.done):
                break
            now = self._clock.monotonic()
            known = self._cache.get(raw)
            if known is not None:
                return self._verify(known, presented, keys, now, self._found)
            if self._cache.is_absent(raw, now):
                self._absent.value += 1
                return None
            # It was forgotten between the answer and now: the answer may be outdated.
        self._away.value += 1
        raise Refused(UNAVAILABLE, "the key cannot be looked up at the moment", RETRY_AFTER)

    def _admit(self, address: str, now: float) -> None:
        verdict = self._misses.take(address, now)
        if verdict == GRANTED:
            return
        self._limited.value += 1
        if verdict == OVER_SHARE:
            detail = "too many unknown keys were shown from this network"
            raise Refused(ABNORMAL_USAGE, detail, RETRY_AFTER)
        raise Refused(UNAVAILABLE, "too many keys have to be looked up", RETRY_AFTER)

    def _verify(
        self, known: KnownKey, presented: bytes, keys: KeyDirectory, now: float, outcome: Cell
    ) -> KeyRecord | None:
        """Return the record if it is that key, and not only its name."""
        pepper = keys.peppers.get(known.pepper)
        if pepper is None:
            self._miss_pepper(known)
        elif len(presented) <= MAX_KEY_BYTES:
            digest = pepper.digest(presented)
            if hmac.compare_digest(digest, known.digest):
                if pepper.held:
                    declared: KeyRecord | None = pepper.held.get(digest)
                    if declared is not None:  # what the file declares wins
                        return declared
                outcome.value += 1
                self._used[known.name] = now
                if now >= known.due:
                    self._renew(known, now)
                return known.record
        record: KeyRecord | None = keys.find(presented)
        if record is None:
            self._absent.value += 1
        return record

    def _miss_pepper(self, known: KnownKey) -> None:
        self._unpeppered.value += 1
        if known.pepper not in self._strange and len(self._strange) < MOST_LOGGED:
            self._strange.add(known.pepper)
            structlog.get_logger().error(
                "a stored key is hashed under a pepper that is not in `peppers`: it is refused",
                key=known.name,
                pepper=known.pepper,
            )

    # --- asking ----------

    def _renew(self, known: KnownKey, now: float) -> None:
        """Ask anew beside the request, where there is room for it."""
        known.due = now + RETRY_S
        if known.name not in self._questions and self._misses.take_spare(now):
            self._ask(known.name)

    def _ask(self, name: str) -> Question:
        loop = asyncio.get_running_loop()
        question = Question(loop.create_future())
        self._questions[name] = question
        task = question.task = loop.create_task(self._answer(name, question))
        timer = self._clock.after(WAIT_S, task.cancel)

        def end(_: asyncio.Task[bool]) -> None:
            timer.cancel()
            del self._questions[name]
            question.done.set_result(not task.cancelled() and task.result())

        task.add_done_callback(end)
        return question

    async def _answer(self, name: str, question: Question) -> bool:
        """Ask, and once more whenever the name was to be forgotten meanwhile."""
        source = self._source
        try:
            while source is not None:
                question.outdated = False
                found = await source.find(name)
                if not question.outdated:
                    self._keep(name, found)
                    return True
        except StoreAway:
            pass
        except Exception as error:  # noqa: BLE001 - the requests that wait are answered all the same
            structlog.get_logger().error("a key cannot be looked up", key=name, exc_info=error)
        return False

    def _keep(self, name: str, found: FoundKey | None) -> None:
        if len(self._used) > MOST_UNTOLD:
            self._used.clear()
        now = self._clock.monotonic()
        known = None if found is None else _read(found, now)
        if known is None:
            self._cache.put_absent(name.encode(), now)
        else:
            self._cache.put(known)

    # --- told by who follows the store ----------

    def forget(self, names: Iterable[str]) -> None:
        """Ask anew for these keys, also where the answer is on its way."""
        for name in names:
            self._cache.forget(name.encode())
            question = self._questions.get(name)
            if question is not None:
                question.outdated = True

    def forget_consumers(self, names: Iterable[str]) -> None:
        """Ask anew for all keys of these consumers."""
        self._cache.forget_consumers(frozenset(names))
        self._doubt()

    def forget_teams(self, names: Iterable[str]) -> None:
        """Ask anew for all keys of consumers of these teams."""
        self._cache.forget_teams(frozenset(names))
        self._doubt()

    def forget_all(self) -> None:
        """Ask anew for every key when it is next used, beside the request.

        Not before: all of them at once would be more look-ups than are allowed.
        """
        self._cache.doubt()
        self._doubt()

    def _doubt(self) -> None:
        for question in self._questions.values():
            question.outdated = True

    # --- told to who keeps it ----------

    def used(self) -> dict[str, int]:
        """Return some keys that were used, with when: UTC, µs since 1970; none when all are told.

        Not all at once: a hundred thousand would hold the loop for a tenth of a second.
        """
        now, wall_us = self._clock.monotonic(), self._clock.wall_us()
        told: dict[str, int] = {}
        while self._used and len(told) < TOLD_AT_ONCE:
            name, at = self._used.popitem()
            told[name] = wall_us - int((now - at) * 1_000_000)
        return told

    async def close(self) -> None:
        """Ask no more. Who still waits is told that nobody can say."""
        tasks = [q.task for q in self._questions.values() if q.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _read(found: FoundKey, now: float) -> KnownKey | None:
    """Make ready what was found; None for a key that nobody can have."""
    team_plan = None if found.team is None else found.team.plan
    pepper, _, digits = (found.key.hash or "-").partition(":")
    try:
        digest = bytes.fromhex(digits)
        again_s = AGAIN_S * (0.9 + 0.2 * digest[0] / 255)  # not all of them at once
        record = record_of(found.key, found.name, found.consumer_name, found.consumer, team_plan)
    except (ValueError, IndexError) as error:
        # A newer version has written it. It must not pass as something that it is not.
        structlog.get_logger().error("a stored key cannot be read", key=found.name, why=str(error))
        return None
    return KnownKey(found.name, pepper, digest, record, now + again_s)
