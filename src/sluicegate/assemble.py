"""The only file that knows every part: builds them, starts them, stops them in reverse."""

from __future__ import annotations

import asyncio
import functools
import gc
import secrets
from typing import TYPE_CHECKING

from sluicegate.journey.authenticate.keyring import Keyring
from sluicegate.journey.dispatch.model.dispatch import ModelDispatch
from sluicegate.journey.dispatch.service import dispatch
from sluicegate.journey.limit.counting import Counting
from sluicegate.journey.limit.deployment_quota import deployment_quota
from sluicegate.journey.limit.forecast import Forecast
from sluicegate.journey.limit.limiter import Limiter
from sluicegate.journey.record.books import Books
from sluicegate.journey.run import (
    PROBES,
    answer_probe,
    answering,
    follow_route,
    nest,
    run,
    second_half,
)
from sluicegate.llm.tokens import Estimator
from sluicegate.policy import Parts
from sluicegate.snapshot.compile import Compiler
from sluicegate.snapshot.replaced import close_replaced
from sluicegate.state.archive import open_archive
from sluicegate.state.cache.opening import open_cache
from sluicegate.state.contract import Crew
from sluicegate.telemetry.export import Exporter
from sluicegate.upstream.address_guard import AddressGuard
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.fetcher import Fetcher
from sluicegate.upstream.maker import Maker
from sluicegate.upstream.models.cooldowns import Cooldowns
from sluicegate.upstream.models.deployment import deployment_name
from sluicegate.upstream.resolve import Resolver
from sluicegate.upstream.service import Surroundings
from sluicegate.wire.deadlines import Deadlines
from sluicegate.wire.forwarded import TrustedProxies
from sluicegate.wire.http1.context import ServerContext
from sluicegate.wire.http1.server import ServerConnection
from sluicegate.wire.listener import Listener
from sluicegate.wire.tls import ServerTls

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Generator, Iterable

    from sluicegate.clock import Clock
    from sluicegate.exchange import Exchange
    from sluicegate.journey.authenticate.keyring import KeySource
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.journey.record.books import BudgetSource
    from sluicegate.metrics import Cell, Metrics
    from sluicegate.process.health import HealthView
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Resources
    from sluicegate.snapshot.policies import PolicyCatalog
    from sluicegate.snapshot.table import Snapshot
    from sluicegate.state.ledger import Ledger
    from sluicegate.upstream.health.news import News

ALONE = Crew(1, 0)
SLICE_S = 0.002
"""How long compiling may hold the loop before it lets requests through."""
TURNS = 4
"""Turns of the loop between two slices: a request takes about as many."""
LAST_WORDS_S = 1.0
"""For exchanges that were cut, to write their records, and for what runs beside exchanges."""
LOOK_S = 0.02
"""How often an emptying worker is looked at."""


class DataPlane:
    """The part of a worker that serves requests."""

    def __init__(  # noqa: PLR0913 - all parts meet here
        self,
        settings: Settings,
        clock: Clock,
        catalog: PolicyCatalog,
        metrics: Metrics,
        write_log: Callable[[bytes], None],
        health: HealthView | None = None,
        *,
        tell: Callable[[News], None] = lambda _: None,
        crew: Crew = ALONE,
        keys: KeySource | None = None,
        budgets: BudgetSource | None = None,
    ) -> None:
        """Build the parts; nothing is open yet. Must be called with a running loop.

        `tell` takes news of targets for the other processes of the replica; `crew` are its workers.
        `keys` knows stored keys, `budgets` what was spent; None where there is no store.
        """
        self.settings = settings
        self.metrics = metrics
        self.clock = clock
        self.health = health if settings.gateway.health else None
        self.snapshot: Snapshot | None = None
        self._probe = answering(answer_probe)
        self.deadlines = Deadlines(clock)
        self.resolver = _make_resolver(settings, clock, metrics)
        self._counting = Counting(settings, clock, metrics, crew, self._rules)
        trusted = self._trusted = TrustedProxies(settings.gateway.trusted_proxies)
        self.context = self._make_context(trusted)
        self._exporter: Exporter | None = None
        if settings.tracing.endpoint is not None:
            self._exporter = Exporter(settings.tracing, settings.region, metrics, clock)
        self._aside: set[asyncio.Task[None]] = set()
        counted = (self._counting.state, clock, metrics, self._counting.ticket)
        self._books = Books(*counted, settings.region.name, budgets)
        self._estimator = Estimator()
        self._cache = open_cache(settings.cache, clock, metrics, secrets.token_hex(6))
        misses_per_s = settings.store.misses / max(1, crew.workers)
        self.keyring = Keyring(keys, clock, metrics, misses_per_s)
        self.archive = open_archive(settings, clock, crew.workers)
        self.client_contexts = ClientContexts()
        shared = (clock, self.deadlines, metrics, self.resolver, self.client_contexts)
        self._surroundings = Surroundings(*shared, tell, crew.workers, settings.region.zone)
        self._cooldowns = Cooldowns(self._counting.state, clock, metrics)
        self._public = Resolver(clock, guard=AddressGuard())
        self._compiler = self._make_compiler(catalog, self._parts(write_log))
        self.tls = ServerTls(settings.gateway.tls) if settings.gateway.tls else None
        self._listeners: dict[socket.socket, Listener] = {}
        self._applying = asyncio.Lock()
        self._heard: list[News] = []
        self._stall = _stall_cell(metrics)
        self._expiry()

    def _parts(self, write_log: Callable[[bytes], None]) -> Parts:
        """Return what policies may use."""
        return Parts(
            clock=self.clock,
            metrics=self.metrics,
            state=self._counting.state,
            away=self._counting.away,
            ticket=self._counting.ticket,
            regions=self.settings.region.of,
            keyring=self.keyring,
            write_log=write_log,
            forecast=Forecast(self._estimator),
            books=self._books,
            reservation_s=float(self.settings.ledger.reservation),
            cache=self._cache,
            archive=self.archive,
            spans=None if self._exporter is None else self._exporter.spans,
            aside=self._aside,
        )

    def _make_context(self, trusted: TrustedProxies) -> ServerContext:
        return ServerContext(
            self.settings.gateway.http,
            self.clock,
            self.deadlines,
            self.metrics,
            self._journey,
            asyncio.get_running_loop(),
            trusted,
            half_close=self.settings.gateway.client_eof == "ignore",
        )

    @property
    def ready(self) -> bool:
        """Whether requests can be served."""
        return self.snapshot is not None and not self.context.draining

    @property
    def revision(self) -> str | None:
        """The revision that runs."""
        return self.snapshot.revision if self.snapshot else None

    @property
    def ledger(self) -> Ledger | None:
        """Where lines of the ledger wait, if that is in this process."""
        return self._counting.ledger

    @property
    def in_flight(self) -> int:
        """Exchanges that have begun and not ended."""
        return self.context.in_flight

    async def apply(self, resources: Resources) -> None:
        """Compile in slices of 2 ms and swap whole. Raises ConfigError and keeps what was."""
        async with self._applying:
            self.deadlines.start()
            self._heard.clear()
            previous = self.snapshot
            snapshot = await self._compile(resources, previous)
            snapshot.health = self.health
            self.snapshot = self.context.snapshot = snapshot
            if previous is not None:
                close_replaced(previous, snapshot, self.metrics)
            heard, self._heard = self._heard, []
        for news in heard:
            self.hear(news)

    def hear(self, news: News) -> None:
        """Take news of a target from another process of the replica."""
        service = None if self.snapshot is None else self.snapshot.services.get(news.service)
        if service is not None and any(each.label == news.target for each in service.targets):
            service.hear(news)
        elif self._applying.locked():
            self._heard.append(news)  # the snapshot that is being compiled may have it

    async def listen(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket, which stays the caller's."""
        listener = Listener(
            sock,
            functools.partial(ServerConnection, self.context),  # type: ignore[arg-type]  # by its methods
            self.settings.gateway,
            self._trusted,
            self.clock,
            self.tls,
        )
        self.context.describe = listener.describe
        self._listeners[sock] = listener
        if self._exporter is not None:
            self._exporter.start()
        await self._counting.start()
        await self._cache.start()
        self._cooldowns.start()
        await listener.start()

    def stop_listening(self, sock: socket.socket) -> None:
        """Accept no more on `sock`; connections that are open live on."""
        listener = self._listeners.pop(sock, None)
        if listener is not None:
            listener.stop_accepting()

    def begin_drain(self) -> None:
        """Close idle connections, and every other one after its answer."""
        self.context.draining = True
        for connection in list(self.context.idle):
            connection.drain()

    async def drained(self, deadline_s: float) -> None:
        """Return when nothing is in flight; after `deadline_s` seconds cut what is."""
        await self._quiet(deadline_s)
        self._abort_connections()

    async def close(self) -> None:
        """Stop everything, in reverse."""
        for sock in list(self._listeners):
            self.stop_listening(sock)
        self._abort_connections()
        await self._quiet(LAST_WORDS_S)
        if self._aside:
            await asyncio.wait(self._aside, timeout=LAST_WORDS_S)
        for task in self._aside:
            task.cancel()
        await asyncio.gather(*self._aside, return_exceptions=True)
        if self.archive is not None:
            self.archive.close()
        await self._books.close()
        if self._exporter is not None:
            await asyncio.to_thread(self._exporter.close)
        if self.snapshot is not None:
            for each in self.snapshot.upstreams():
                each.close()
        await self.keyring.close()
        await self._cooldowns.close()
        self._counting.close()
        self._cache.close()
        await self.resolver.close()
        await self._public.close()
        self.deadlines.stop()

    async def reload_tls(self) -> None:
        """Read the files of certificates again. Raises ConfigError and keeps what was."""
        await asyncio.to_thread(self.client_contexts.reload)
        if self.tls is not None:
            await asyncio.to_thread(self.tls.reload)
            self._expiry()

    def _expiry(self) -> None:
        if self.tls is not None:
            self.metrics.family(
                "sluicegate_certificate_expires_timestamp_seconds",
                "gauge",
                "When the first of the listener's certificates expires, seconds since 1970.",
                merge="min",
            ).cell().value = self.tls.expires_at

    def _abort_connections(self) -> None:
        for connection in list(self.context.connections):
            connection.transport.abort()

    async def _quiet(self, bound_s: float) -> None:
        """Wait until no connection is open and no exchange in flight, `bound_s` seconds at most."""
        until = self.clock.monotonic() + bound_s
        while self.context.connections or self.context.in_flight:
            if self.clock.monotonic() >= until:
                return
            await self.clock.sleep(LOOK_S)

    async def _compile(self, resources: Resources, previous: Snapshot | None) -> Snapshot:
        """Compile without garbage collections: a full one among 10 000 routes takes 0.1 s."""
        self._stall.value = 0
        steps = self._compiler.compile(resources, previous)
        gc.disable()
        try:
            while (snapshot := self._slice(steps)) is None:
                for _ in range(TURNS):
                    await asyncio.sleep(0)
        finally:
            gc.freeze()
            gc.enable()
        return snapshot

    def _journey(self, exchange: Exchange) -> Coroutine[None, None, None]:
        if self.health is not None and exchange.request.path.startswith(PROBES):
            return run(exchange, self._probe)
        return run(exchange, exchange.snapshot.entry)

    def _rules(self) -> Iterable[tuple[str, Rule]]:
        """Return every limit that runs, with the place where it is used."""
        steps = {} if self.snapshot is None else self.snapshot.origin.steps
        for scope, made in steps.items():
            for step in made.values():
                for rule in step.rules:
                    yield scope, rule
        pools = {} if self.snapshot is None else self.snapshot.models.pools
        for pool in pools.values():
            for each in pool.deployments:
                if each.quota is not None:
                    for rule in each.quota.rules:
                        yield each.quota.scope, rule

    def _make_compiler(self, catalog: PolicyCatalog, parts: Parts) -> Compiler:
        """Tie the fixed steps of the journey together, and what makes the rest."""
        # What callers name is fetched from the open internet alone, whatever `private_networks` is.
        fetcher = Fetcher(self._surroundings, self._public, AddressGuard())
        maker = Maker(
            self._surroundings,
            self._cooldowns,
            lambda model, each: deployment_quota(model, each, deployment_name(model, each), parts),
            self.settings.region.name,
            lambda: self.snapshot,
        )
        return Compiler(
            catalog,
            parts,
            maker,
            route_stage=answering(follow_route),
            second_half=second_half,
            dispatch=dispatch,
            nest=nest,
            limiter=lambda rules: Limiter(rules, parts).handle,
            ai=ModelDispatch(self.deadlines, fetcher, self.metrics, self._estimator, self._books),
        )

    def _slice(self, steps: Generator[None, None, Snapshot]) -> Snapshot | None:
        began = self.clock.monotonic()
        try:
            while self.clock.monotonic() - began < SLICE_S:
                next(steps)
        except StopIteration as end:
            snapshot: Snapshot = end.value
            return snapshot
        finally:
            self._stall.value = max(self._stall.value, self.clock.monotonic() - began)
        return None


def _make_resolver(settings: Settings, clock: Clock, metrics: Metrics) -> Resolver:
    return Resolver(
        clock,
        failures=metrics.family(
            "sluicegate_dns_failures_total",
            "counter",
            "Look-ups of targets' names that gave no address.",
        ).cell(),
        guard=AddressGuard(settings.gateway.private_networks),
        refusals=metrics.family(
            "sluicegate_addresses_refused_total",
            "counter",
            "Addresses that names of targets resolved to and that are neither public nor in "
            "`gateway.private_networks`.",
        ).cell(),
    )


def _stall_cell(metrics: Metrics) -> Cell:
    return metrics.family(
        "sluicegate_apply_longest_slice_seconds",
        "gauge",
        "Longest time for which compiling the newest snapshot held a worker's loop.",
        merge="max",
    ).cell()
