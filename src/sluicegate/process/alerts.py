"""Tells people that budgets have been spent up to a threshold: a metric, a log line, a webhook.

    state ─► mover ─► take ─► queue ─► webhook         and only then is it deleted in the state

An alert stays in the state until it was delivered, or given up after all its retries, so that the
end of a process loses none: it is delivered at least once. Its `webhook-id` is made of what it is
about, and is the same every time. Requests are signed as Standard Webhooks has it
(github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, "Signature scheme").
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import structlog

from sluicegate.admin.budget_places import entries_of, period_of, read_place
from sluicegate.admin.instants import instant
from sluicegate.admin.spreadsheet import usd
from sluicegate.errors import UpstreamError
from sluicegate.upstream.address_guard import AddressGuard
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.fetcher import Fetcher
from sluicegate.upstream.resolve import Resolver
from sluicegate.upstream.service import Surroundings
from sluicegate.wire.deadlines import Deadlines

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Cell, Metrics
    from sluicegate.settings import Settings
    from sluicegate.settings.alerts import Alerts as AlertSettings
    from sluicegate.state.ledger import Alert

MOST: Final = 100
"""Alerts that wait for the webhook, and in the state; what comes beyond them is only logged."""
REMEMBERED: Final = 10_000
FIRST_S: Final = 1.0
LONGEST_S: Final = 300.0
CLOSE_S: Final = 2.0
"""For what waits at the end."""
PREFIX: Final = "whsec_"
TYPE: Final = "budget.threshold_reached"

Field = tuple[bytes, bytes]
Post = Callable[[str, Sequence[Field], bytes, float], Awaitable[int]]


class Alerts:
    """Takes alerts from the mover, and delivers them in their order, one at a time."""

    def __init__(
        self, settings: AlertSettings, region: str, post: Post, clock: Clock, metrics: Metrics
    ) -> None:
        """Deliver by `post`: to a URL, fields and body, until then; it returns the status."""
        self._settings = settings
        self._region = region
        self._post = post
        self._clock = clock
        self._told = metrics.family(
            "sluicegate_budget_alerts_total",
            "counter",
            "Times that a budget of somebody was spent up to a threshold, in percent.",
            ("budget", "percent"),
        )
        deliveries = metrics.family(
            "sluicegate_alert_deliveries_total",
            "counter",
            "Alerts that the webhook has taken, deliveries that failed, and alerts given up.",
            ("outcome",),
        )
        self._delivered: Cell = deliveries.cell("delivered")
        self._failed: Cell = deliveries.cell("failed")
        self._given_up: Cell = deliveries.cell("given_up")
        self._known: dict[str, bool] = {}
        self._waiting: dict[str, Alert] = {}
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()

    def start(self) -> None:
        """Deliver from now on, in the background. Without a webhook there is nothing to do."""
        if self._settings.webhook is not None and self._task is None:
            self._task = asyncio.create_task(self._run())

    def take(self, alert: Alert) -> bool:
        """Tell of an alert, unless it was told of; say whether the state may forget it.

        That is once it was delivered or given up: until then the mover brings it again.
        """
        name = alert_id(alert)
        done = self._known.get(name)
        if done is None:
            self._tell(alert, name)
            done = self._settings.webhook is None
            if not done and len(self._waiting) >= MOST:
                self._give_up(alert, name, "too many wait")
                done = True
            if not done:
                self._waiting[name] = alert
                self._more.set()
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[name] = done
        return done

    async def close(self) -> None:
        """Give what waits a moment; the state keeps what is left."""
        if self._task is None:
            return
        if self._waiting:
            self._empty.clear()
            finishing = asyncio.ensure_future(self._empty.wait())
            pausing = asyncio.ensure_future(self._clock.sleep(CLOSE_S))
            await asyncio.wait({finishing, pausing}, return_when=asyncio.FIRST_COMPLETED)
            finishing.cancel()
            pausing.cancel()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            while self._waiting:
                name, alert = next(iter(self._waiting.items()))
                if not await self._deliver(alert, name):
                    self._give_up(alert, name, "the webhook does not take it")
                del self._waiting[name]
                self._known[name] = True
            self._empty.set()
            self._more.clear()
            await self._more.wait()

    async def _deliver(self, alert: Alert, name: str) -> bool:
        """Try until it is taken, or all retries have failed."""
        body = payload(alert, self._region)
        delay_s = FIRST_S
        for left in range(self._settings.retries, -1, -1):
            why = await self._try(name, body)
            if not why:
                self._delivered.value += 1
                return True
            self._failed.value += 1
            self._log.warning("an alert was not delivered", alert=name, why=why, retries_left=left)
            if left:
                await self._clock.sleep(delay_s)
                delay_s = min(LONGEST_S, delay_s * 2.0)
        return False

    async def _try(self, name: str, body: bytes) -> str:
        """Send it once; return what went wrong, without a word of where it was sent."""
        settings = self._settings
        seconds = self._clock.wall_us() // 1_000_000
        fields = [
            (b"content-type", b"application/json"),
            (b"webhook-id", name.encode()),
            (b"webhook-timestamp", b"%d" % seconds),
        ]
        if settings.secret is not None:
            signed = signature(settings.secret, name, seconds, body)
            fields.append((b"webhook-signature", signed.encode()))
        until = self._clock.monotonic() + float(settings.timeout)
        try:
            status = await self._post(settings.webhook or "", fields, body, until)
        except UpstreamError as error:
            return type(error).__name__
        except Exception as error:  # noqa: BLE001 - a side channel; the next try may go better
            return f"unexpected {type(error).__name__}"
        return "" if 200 <= status < 300 else f"status {status}"  # noqa: PLR2004 - RFC 9110, 15.3

    def _tell(self, alert: Alert, name: str) -> None:
        self._told.cell(alert.place, str(alert.percent)).value += 1
        self._log.warning("a budget has reached a threshold", alert=name, **_about(alert))

    def _give_up(self, alert: Alert, name: str, why: str) -> None:
        self._given_up.value += 1
        self._log.error("an alert is given up", alert=name, why=why, **_about(alert))


def alert_id(alert: Alert) -> str:
    """Return what tells an alert from all others, whoever delivers it."""
    parts = (alert.place, alert.subject, alert.label, alert.start_us, alert.percent, alert.limit)
    return "alert_" + hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def payload(alert: Alert, region: str) -> bytes:
    """Write an alert as JSON: `type`, `timestamp` and `data`, as Standard Webhooks advises."""
    data = {**_about(alert), "region": region, "limit_nano_usd": alert.limit,
            "spent_nano_usd": alert.spent}  # fmt: skip
    return msgspec.json.encode({"type": TYPE, "timestamp": instant(alert.at_us), "data": data})


def signature(secret: str, name: str, seconds: int, body: bytes) -> str:
    """Return `v1,` and the HMAC-SHA-256 of id, time and body under a secret in base64."""
    key = b64decode(secret.removeprefix(PREFIX))
    digest = hmac.digest(key, b"%b.%d.%b" % (name.encode(), seconds, body), "sha256")
    return "v1," + b64encode(digest).decode()


class OpenAlerts(Alerts):
    """Alerts, and what they are sent through."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        """Connect nothing before there is something to deliver; needs a running loop.

        Raises ConfigError.
        """
        guard = AddressGuard(settings.alerts.private_networks)
        self._deadlines = Deadlines(clock)
        self._resolver = Resolver(clock, guard=guard)
        contexts = ClientContexts()
        shared = Surroundings(
            clock, self._deadlines, metrics, self._resolver, contexts, tell=lambda _: None
        )
        fetcher = Fetcher(shared, self._resolver, guard, _AnyPort())
        super().__init__(settings.alerts, settings.region.name, fetcher.post, clock, metrics)

    def start(self) -> None:
        """Deliver from now on."""
        self._deadlines.start()
        super().start()

    async def close(self) -> None:
        """Deliver nothing any more."""
        await super().close()
        await self._resolver.close()
        self._deadlines.stop()


class _AnyPort:
    """Operators choose the port of their webhook."""

    def __contains__(self, port: object) -> bool:
        return True


def _about(alert: Alert) -> dict[str, object]:
    """Say what an alert is about."""
    read = read_place(alert.place)
    return {
        "budget": "" if read is None else read.name,
        "scope": "" if read is None else read.scope,
        "of": entries_of(alert.place, alert.subject) or {},
        "period": period_of(alert.label),
        "start": instant(alert.start_us).isoformat().replace("+00:00", "Z"),
        "percent": alert.percent,
        "limit_usd": usd(alert.limit),
        "spent_usd": usd(alert.spent),
    }
