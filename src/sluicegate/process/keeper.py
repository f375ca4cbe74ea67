"""The keeper: a replica's side of the store. It follows, decides what runs, and answers for keys.

    start        the newest of everything: from the store, else from the state or the disk
    follow       arrivals → what is held → what fits → the workers; and what they must forget
    consider     the same with changes that nobody has made yet (for the admin API)

It lives in the management process, or where there is one process, in that one.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import structlog
from msgspec import json

from sluicegate import __version__
from sluicegate.admin.control import Considered
from sluicegate.errors import StateAway, StoreAway
from sluicegate.process.chores import Chores
from sluicegate.process.held import SECRET, Held
from sluicegate.process.lookup import Lookup, mark_revoked
from sluicegate.process.messages import Forget
from sluicegate.process.opened_secrets import OpenedSecrets
from sluicegate.process.written import as_written
from sluicegate.snapshot.budgets import budgets_of
from sluicegate.snapshot.document import Resources, decode, peppers_of
from sluicegate.snapshot.stored import item_of
from sluicegate.store.contract import CONFIGURATION, Arrivals, ReplicaRow, Revision
from sluicegate.store.kept import DAY_S
from sluicegate.store.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sluicegate.clock import Clock
    from sluicegate.errors import Fault
    from sluicegate.journey.limit.budget_terms import BudgetTerms
    from sluicegate.metrics import Metrics
    from sluicegate.model.consumer import Consumer, FoundKey
    from sluicegate.model.team import Team
    from sluicegate.process.fitting import Fit
    from sluicegate.process.keeping import Keeping
    from sluicegate.settings import Settings
    from sluicegate.snapshot.fusion import Item, Spec
    from sluicegate.state.ledger import Ledger
    from sluicegate.store.contract import Change
    from sluicegate.store.kept_snapshot import KeptSnapshot

RETRY_S = 1.0
"""Between looks for a store that is away, and of which nothing was kept."""
RUNS_S = 5.0
"""How long a write waits until this replica runs it."""
TOPIC = "arrivals"
NAMED = ("key", "consumer", "team", "token")
"""Kinds of which things are remembered by name."""


class Replica(Protocol):
    """Whom the keeper tells."""

    def deliver(self, stored: Resources) -> None:
        """Run this beside the file."""

    def forget(self, forget: Forget) -> None:
        """Forget what was known of keys."""


class Keeper:
    """Follows the store for a replica; a `Control` of the admin API and a `KeySource`."""

    def __init__(
        self,
        settings: Settings,
        parts: Keeping,
        clock: Clock,
        metrics: Metrics,
        replica: Replica,
    ) -> None:
        """Ask nothing yet."""
        self.store = parts.store
        self.vault = parts.vault
        self.region = settings.region.name
        self.arrival = 0
        self.ledger: Ledger | None = None
        self.on_budgets: Callable[[Mapping[str, BudgetTerms]], Awaitable[None]] | None = None
        self.on_tokens: Callable[[Sequence[str]], None] = lambda _: None
        self._parts = parts
        self._fitting = parts.fitting
        self._watch = Watch(self.store, clock, metrics, float(settings.store.poll), self.arrived)
        self._clock = clock
        self._replica = replica
        self._log = structlog.get_logger()
        self._file = self._declares = Resources.of({})
        self._held = Held()
        self._secrets = OpenedSecrets(self.vault)
        self._fit: Fit | None = None
        self._declared: dict[str, dict[str, Any]] = {}
        self._budgets: dict[str, BudgetTerms] = {}
        self._refitting = asyncio.Lock()
        self._owed = self._is_kept = False
        self._runs = asyncio.Event()
        self._running = ""
        retention_s = float(settings.store.retention)
        self._chores = Chores(self.store, clock, retention_s, self._describe)
        self._as_of = 0  # up to which arrival teams run as they were read
        self._lookup = Lookup(
            self.store, parts.kept, self._consumer, self._team, lambda: self._as_of
        )
        self._unfit = metrics.family(
            "sluicegate_store_unfit_resources",
            "gauge",
            "Stored resources that are left out because they do not fit beside the others.",
            merge="max",
        ).cell()
        self._name = f"{socket.gethostname()}-{os.getpid()}"

    # --- life ----------------------------------------------------------------------------------

    async def start(self, file: Resources, after: int = 0) -> None:
        """Read everything, deliver what fits, and follow from then on.

        `after` is up to where arrivals were read before, 0 where they never were. While the store
        is away, and nothing was kept of it, this waits. Raises ConfigError for what no waiting
        would mend, SchemaMismatch.
        """
        self._file = self._parts.beside_own(file)
        self._declares = file
        shelf = self._parts.shelf
        if shelf is not None:
            await shelf.start()
            shelf.subscribe(TOPIC, lambda _: self._watch.hurry())
        await self._first(after)
        await self._refit()
        self._watch.start(self.arrival)
        self._chores.start()

    async def close(self) -> None:
        """Say what is left to say, and let go of everything."""
        await self._watch.close()
        await self._chores.close()
        await self._parts.close()

    async def take_file(self, file: Resources) -> None:
        """Take what the file declares now; returns once what fits beside it was delivered."""
        self._declares = file
        self._file = self._parts.beside_own(file)
        self._parts.take_peppers(self._file)
        await self._refit()

    async def declare(self, source: bytes) -> None:
        """Take the file's text, references intact, for those who want to see what it declares."""
        self._declared = await asyncio.to_thread(as_written, source)

    def running(self, revision: str) -> None:
        """Take notice of what the replica runs."""
        self._running = revision
        self._runs.set()

    # --- keys ----------------------------------------------------------------------------------

    async def find(self, name: str) -> FoundKey | None:
        """Return whose key this is (a `KeySource`). Raises StoreAway."""
        return await self._lookup.find(name)

    def used(self, keys: Mapping[str, int]) -> None:
        """Take note of keys that were used, with when: UTC, microseconds since 1970."""
        self._chores.used(keys)

    # --- a `Control` of the admin API ----------------------------------------------------------

    @property
    def peppers(self) -> Mapping[str, str]:
        """Peppers by name; the first is for what is made from now on."""
        return peppers_of(self._file)

    def budgets(self) -> Mapping[str, BudgetTerms]:
        """Return the budgets that run, by the places of their counts."""
        return self._budgets

    def declared(self, kind: str) -> Mapping[str, Any]:
        """Return the resources of a kind that the file declares, as they are written there."""
        written = self._declared.get(kind, {})
        return {name: written.get(name) for (of, name) in self._declares.items if of == kind}

    def left_out(self, kind: str, name: str) -> str | None:
        """Return why a stored resource does not run, None where it does."""
        if self._fit is None or (kind, name) not in self._fit.left_out:
            return None
        item = (kind, name)
        return "; ".join(
            f"{f.path}: {f.message}" for f in self._fit.faults if item_of(f.path) == item
        )

    def parse_spec(self, kind: str, spec: object, name: str = "") -> bytes | list[Fault]:
        """Return the canonical JSON of a resource, or what is wrong with it by itself."""
        return self._fitting.fusion.parse_spec(cast("Spec", kind), spec, name)

    async def consider(self, changes: Sequence[Change]) -> Considered:
        """Look at changes without making them. Raises StoreAway."""
        await self.catch_up()
        looked_at, before = self.arrival, self._fitted()
        secrets = dict(self._secrets.texts)
        for change in changes:
            if change.kind == SECRET:
                secrets.pop(change.name, None)
                if change.content is not None:
                    secrets[change.name] = await self.vault.open(change.name, change.content)
        contents = self._held.contents(changes)
        fit = await self._fitting.fit(self._file, contents, secrets.__getitem__)
        changed = {(change.kind, change.name) for change in changes}
        faults = fit.brought_since(before, cast("set[Item]", changed))
        for change in changes:
            if change.content is not None:
                faults += self._check(fit, change, change.content)
        return Considered(faults, looked_at)

    def _check(self, fit: Fit, change: Change, content: bytes) -> list[Fault]:
        """Look at what is looked up one by one, beside what would run."""
        fusion = self._fitting.fusion
        match change.kind:
            case "consumer":
                return fusion.check_consumer(fit.fused, change.name, json.decode(content))
            case "key":
                return fusion.check_key(fit.fused, json.decode(content), change.name)
            case "team":
                return fusion.check_team(fit.fused, change.name, json.decode(content))
            case _:
                return []

    async def written(self) -> None:
        """Take notice of what was just written, tell the others, and wait until it runs here."""
        await self.catch_up()
        shelf = self._parts.shelf
        if shelf is not None:
            try:
                await shelf.publish(TOPIC, self.region)
            except StateAway:
                self._log.info("others were not told of a change; they will find it by polling")
        try:
            async with asyncio.timeout(RUNS_S):
                while self._running != self._fitted().whole.revision:
                    self._runs.clear()
                    await self._runs.wait()
        except TimeoutError:
            self._log.warning("what was written is not yet run")

    async def catch_up(self) -> None:
        """Read what has arrived until now, unless the store is away."""
        await self._watch.caught_up()

    # --- following -----------------------------------------------------------------------------

    async def arrived(self, arrivals: Arrivals) -> None:
        """Take what the watch has read."""
        if arrivals.last < self.arrival:
            self._log.warning("the store is another one now; all of it is read again")
            await self._read_all()
            self._tell_forget(Forget([], [], [], everything=True, arrival=self.arrival))
            await self._refit()
            self._keep()
            return
        if self._is_kept:  # it may be older than what was followed, or of another database
            self._held.replace((await self.store.current(sorted(CONFIGURATION))).revisions)
            self._is_kept, self._owed = False, True
        strangers = self._held.strangers(arrivals.revisions, self.region)
        heads = [await self.store.head(*item) for item in strangers]
        self.arrival = arrivals.last
        self._forget(arrivals.revisions)
        self._owed |= self._held.take([*arrivals.revisions, *filter(None, heads)])
        if self._owed:  # also where it has failed before: the same page has come again
            await self._refit()
        self._as_of = self.arrival
        if arrivals.revisions:
            self._keep()
        if self._owed:
            raise StoreAway("a stored secret could not be read yet")

    async def _first(self, after: int) -> None:
        waited = False
        while True:
            try:
                await self._parts.start()
                await self._read_all()
            except StoreAway as error:
                kept = await self._kept_snapshot()
                if kept is not None:
                    self.vault.learn(kept.data_keys)
                    self._held.replace(kept.revisions)
                    self.arrival = min(after or kept.arrival, kept.arrival)
                    self._is_kept = True
                    self._log.warning("the store is away; what was kept of it runs")
                    return
                if not waited:
                    self._log.error("the store is away and nothing is kept of it", error=str(error))
                waited = True
                await self._clock.sleep(RETRY_S)
            else:
                self.arrival = after or self.arrival
                self._keep()
                if self._parts.shelf is not None:
                    self._chores.once(self._mark_revoked)
                return

    async def _kept_snapshot(self) -> KeptSnapshot | None:
        try:
            return await self._parts.kept.snapshot(self.region)
        except StateAway:
            return None

    async def _mark_revoked(self) -> None:
        since_us = self._clock.wall_us() - int(DAY_S * 1e6)
        await mark_revoked(self.store, self._parts.kept, since_us)

    async def _read_all(self) -> None:
        everything = await self.store.current(sorted(CONFIGURATION))
        self._held.replace(everything.revisions)
        self.arrival, self._is_kept, self._owed = everything.last, False, True

    def _keep(self) -> None:
        self._parts.kept.keep_snapshot(
            self.region, self.arrival, self._held.revisions, self.vault.wrapped()
        )

    def _forget(self, revisions: Sequence[Revision]) -> None:
        """Have everyone forget what these outdate: workers, look-ups under way, kept records."""
        kept = self._parts.kept
        named: dict[str, list[str]] = {kind: [] for kind in NAMED}
        for revision in revisions:
            if revision.kind in named:
                named[revision.kind].append(revision.name)
            if revision.kind == "key" and revision.content is None:
                kept.revoke_key(revision.name)
            elif revision.kind == "key":
                kept.outdate_key(revision.name, revision.arrival)
            elif revision.kind == "consumer":
                kept.outdate_consumer(revision.name, revision.arrival)
            elif revision.kind == "team":
                kept.outdate_team(revision.name, revision.arrival)
        for name in named["key"]:
            self._lookup.forget(name)
        if named["token"]:
            self.on_tokens(named["token"])
        if revisions:
            keys, consumers, teams = named["key"], named["consumer"], named["team"]
            self._tell_forget(
                Forget(keys, consumers, teams, everything=False, arrival=self.arrival)
            )

    def _tell_forget(self, forget: Forget) -> None:
        if forget.everything or forget.consumers or forget.teams:
            self._lookup.forget_all()
        self._replica.forget(forget)

    async def _refit(self) -> None:
        async with self._refitting:
            file, declares = self._file, self._declares
            await self._secrets.read(self._held.secrets())
            arrival, contents = self.arrival, self._held.contents()
            fit = await self._fitting.fit(file, contents, self._secrets.texts.__getitem__)
            if self._fit is None or list(fit.faults) != list(self._fit.faults):
                for fault in fit.faults:
                    self._log.error("left out of what runs", path=fault.path, why=fault.message)
            before, self._fit, self._as_of = self._fit, fit, arrival
            self._unfit.value = len(fit.left_out)
            self._owed = self._secrets.missed
            self._budgets = await asyncio.to_thread(budgets_of, fit.whole)
            if self.on_budgets is not None:
                await self.on_budgets(self._budgets)
            self._replica.deliver(await asyncio.to_thread(fit.beside, declares))
            consumers, teams = await asyncio.to_thread(fit.callers_since, before)
            if before is not None and (consumers or teams):  # what was looked up meanwhile
                forget = Forget([], consumers, teams, everything=False, arrival=self.arrival)
                self._tell_forget(forget)

    def _fitted(self) -> Fit:
        if self._fit is None:
            raise StoreAway("the store has not been read yet")
        return self._fit

    def _consumer(self, name: str) -> Consumer | None:
        raw = self._file.items.get(("consumer", name))
        consumer: Consumer | None = None if raw is None else decode("consumer", raw)
        return consumer

    def _team(self, name: str) -> Team | None:
        raw = None if self._fit is None else self._fit.whole.items.get(("team", name))
        team: Team | None = None if raw is None else decode("team", raw)
        return team

    def _describe(self) -> ReplicaRow:
        unfit = 0 if self._fit is None else len(self._fit.left_out)
        seen = (self._running, self.arrival, unfit, self._clock.wall_us())
        return ReplicaRow(self._name, self.region, __version__, *seen)
