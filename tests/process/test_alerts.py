from __future__ import annotations

import asyncio
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from structlog.testing import capture_logs

from sluicegate.errors import ConnectFailed
from sluicegate.metrics import Metrics
from sluicegate.process.alerts import MOST, Alerts, OpenAlerts, alert_id, payload, signature
from sluicegate.settings import Settings
from sluicegate.settings.alerts import Alerts as AlertSettings
from sluicegate.state.ledger import Alert
from support.loops import run
from support.mock_clock import EPOCH_US, MockClock
from support.upstreams import Upstream, answering, response

URL = "https://hooks.example.com/secret-path"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # of the specification's example
SETTINGS = AlertSettings(webhook=URL, secret="whsec_" + "A" * 43 + "=", retries=3)
ALERT = Alert(
    id="1-0", place="budget;api;consumer;plan:free", subject="=acme", label="spending-month",
    percent=80, limit=10**10, spent=8 * 10**9, start_us=EPOCH_US - 10**6, at_us=EPOCH_US,
)  # fmt: skip
OF = {"consumer": "acme", "plan": "free"}


class Webhook:
    """Answers with statuses, in turn; the last for ever."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.got: list[tuple[dict[bytes, bytes], bytes]] = []

    async def post(
        self, url: str, fields: Sequence[tuple[bytes, bytes]], body: bytes, until: float
    ) -> int:
        assert url == URL
        assert until > 0
        self.got.append((dict(fields), body))
        status = self.statuses[0] if len(self.statuses) == 1 else self.statuses.pop(0)
        if not status:
            raise ConnectFailed("10.0.0.1 says no")
        return status


def alerting(
    work: Callable[[Alerts, MockClock, Metrics], Awaitable[None]],
    webhook: Webhook,
    settings: AlertSettings = SETTINGS,
) -> list[Any]:
    """Run `work`; return what was logged."""

    async def inner() -> None:
        clock, metrics = MockClock(), Metrics()
        alerts = Alerts(settings, "local", webhook.post, clock, metrics)
        alerts.start()
        try:
            await work(alerts, clock, metrics)
        finally:
            closing = asyncio.ensure_future(alerts.close())
            await turns()
            clock.advance(10)
            await closing

    with capture_logs() as logs:
        run(inner())
    return logs


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def counted(metrics: Metrics, family: str) -> dict[tuple[str, ...], float]:
    (found,) = [each for each in metrics.dump() if each.name == family]
    return {tuple(each.values): each.number for each in found.series}


def another(number: int) -> Alert:
    return msgspec.structs.replace(ALERT, subject=f"={number}")


def test_an_alert_is_delivered_signed_and_then_forgotten() -> None:
    webhook = Webhook(204)

    async def work(alerts: Alerts, clock: MockClock, metrics: Metrics) -> None:
        assert not alerts.take(ALERT)
        await turns()
        assert alerts.take(ALERT)
        ((fields, body),) = webhook.got
        seconds = clock.wall_us() // 10**6
        assert fields[b"webhook-id"] == alert_id(ALERT).encode()
        assert fields[b"webhook-timestamp"] == b"%d" % seconds
        signed = b"%b.%d.%b" % (fields[b"webhook-id"], seconds, body)
        mac = b64encode(hmac.digest(bytes(32), signed, "sha256"))
        assert fields[b"webhook-signature"] == b"v1," + mac
        labels = ("budget;api;consumer;plan:free", "80")
        assert counted(metrics, "sluicegate_budget_alerts_total") == {labels: 1}
        assert counted(metrics, "sluicegate_alert_deliveries_total")["delivered",] == 1

    logs = alerting(work, webhook)
    (said,) = [log for log in logs if log["event"] == "a budget has reached a threshold"]
    assert (said["budget"], said["of"], said["percent"]) == ("api", OF, 80)


def test_the_signature_is_that_of_the_specifications_example() -> None:
    found = signature(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert len(b64decode(SECRET.removeprefix("whsec_"))) == 24


def test_the_body_says_what_an_operator_wants_to_know() -> None:
    told = json.loads(payload(ALERT, "local"))
    assert told["type"] == "budget.threshold_reached"
    assert told["timestamp"] == "2023-11-14T22:13:20Z"
    assert told["data"] == {
        "budget": "api", "scope": "plan:free", "of": OF,
        "period": "month", "start": "2023-11-14T22:13:19Z", "percent": 80,
        "limit_usd": "10", "spent_usd": "8", "region": "local",
        "limit_nano_usd": 10**10, "spent_nano_usd": 8 * 10**9,
    }  # fmt: skip


def test_it_is_tried_again_later_and_later() -> None:
    webhook = Webhook(0, 500, 302, 200)

    async def work(alerts: Alerts, clock: MockClock, metrics: Metrics) -> None:
        alerts.take(ALERT)
        for tried, pause_s in enumerate((1, 2, 4), start=1):
            await turns()
            assert len(webhook.got) == tried
            clock.advance(pause_s - 0.5)
            await turns()
            assert len(webhook.got) == tried
            clock.advance(0.5)
        await turns()
        assert alerts.take(ALERT)
        outcomes = counted(metrics, "sluicegate_alert_deliveries_total")
        assert (outcomes["failed",], outcomes["delivered",]) == (3, 1)
        assert len({fields[b"webhook-id"] for fields, _ in webhook.got}) == 1

    logs = alerting(work, webhook)
    whys = [log["why"] for log in logs if log["event"] == "an alert was not delivered"]
    assert whys == ["ConnectFailed", "status 500", "status 302"]
    assert "secret-path" not in str(logs)


def test_after_all_retries_it_is_given_up_and_the_next_one_comes() -> None:
    webhook = Webhook(500)

    async def work(alerts: Alerts, clock: MockClock, metrics: Metrics) -> None:
        alerts.take(ALERT)
        alerts.take(another(1))
        for _ in range(6):
            await turns()
            clock.advance(300)
        await turns()
        assert alerts.take(ALERT)
        assert alerts.take(another(1))
        assert counted(metrics, "sluicegate_alert_deliveries_total")["given_up",] == 2
        assert len(webhook.got) == 8

    alerting(work, webhook)


def test_the_same_alert_is_told_of_once_however_often_it_comes() -> None:
    webhook = Webhook(200)

    async def work(alerts: Alerts, _: MockClock, metrics: Metrics) -> None:
        for number in range(3):
            alerts.take(msgspec.structs.replace(ALERT, id=f"{number}-0", spent=number))
        await turns()
        alerts.take(ALERT)
        await turns()
        assert len(webhook.got) == 1
        assert list(counted(metrics, "sluicegate_budget_alerts_total").values()) == [1]

    alerting(work, webhook)


def test_no_more_than_so_many_wait() -> None:
    async def work(alerts: Alerts, _: MockClock, metrics: Metrics) -> None:
        taken = [alerts.take(another(number)) for number in range(MOST + 2)]
        assert taken == [False] * MOST + [True] * 2
        assert counted(metrics, "sluicegate_alert_deliveries_total")["given_up",] == 2

    alerting(work, Webhook(0))


def test_without_a_webhook_an_alert_is_a_metric_and_a_line() -> None:
    async def work(alerts: Alerts, _: MockClock, metrics: Metrics) -> None:
        assert alerts.take(ALERT)
        await turns()
        assert list(counted(metrics, "sluicegate_budget_alerts_total").values()) == [1]

    assert len(alerting(work, Webhook(200), AlertSettings())) == 1


def test_what_cannot_be_delivered_at_the_end_stays_in_the_state() -> None:
    async def work(alerts: Alerts, _: MockClock, __: Metrics) -> None:
        alerts.take(ALERT)

    alerting(work, Webhook(0))


def over_a_connection(*networks: str) -> tuple[list[Any], int]:
    """Deliver one alert to a server on loopback; return its requests and connections."""

    async def inner() -> tuple[list[Any], int]:
        upstream, clock = Upstream(answering(response(200))), MockClock()
        await upstream.start()
        alerts = OpenAlerts(
            Settings(
                alerts=AlertSettings(
                    webhook=f"{upstream.url}/hook", retries=0, private_networks=list(networks)
                )
            ),
            clock,
            Metrics(),
        )
        alerts.start()
        alerts.take(ALERT)
        while not alerts.take(ALERT):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)
        await alerts.close()
        await upstream.stop()
        return upstream.requests, upstream.connections

    return run(inner())


def test_it_goes_to_a_private_address_only_where_that_is_allowed() -> None:
    requests, connections = over_a_connection("127.0.0.0/8")
    assert (requests[0].line, connections) == (b"POST /hook HTTP/1.1", 1)
    assert requests[0].body == payload(ALERT, "local")
    assert requests[0].get(b"webhook-signature") is None
    assert over_a_connection() == ([], 0)
