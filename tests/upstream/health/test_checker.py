"""Active checks and probes for a return, against real targets, with time moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.metrics import Metrics
from sluicegate.model.resilience import Check
from sluicegate.model.service import Service, UpstreamTls
from sluicegate.model.units import Duration
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.health.checker import FIRST_PER_S, Checker
from sluicegate.upstream.health.news import News
from sluicegate.upstream.resolve import Resolver
from sluicegate.wire.deadlines import Deadlines
from support.loops import run
from support.mock_clock import MockClock
from support.ports import free_port
from support.upstreams import Talk, Upstream, answering, response

Logs = list[MutableMapping[str, Any]]


class World:
    """A checker and a target that answers `status` to every check."""

    def __init__(self) -> None:
        self.clock = MockClock()
        self.metrics = Metrics()
        self.told: list[News] = []
        self.status = 200
        self.upstream = Upstream(self._script)
        self.checker = Checker(
            self.clock,
            Resolver(self.clock, self._look_up),
            Deadlines(self.clock),
            ClientContexts(),
            self.metrics,
            self.told.append,
        )
        self.hanging = ""

    async def _script(self, talk: Talk) -> None:
        await talk.request()
        await talk.send(response(self.status))

    async def _look_up(self, _: str) -> list[str]:
        return ["127.0.0.1"]

    @property
    def label(self) -> str:
        return f"127.0.0.1:{self.upstream.port}"

    @property
    def events(self) -> list[str]:
        return [news.event for news in self.told]

    def service(self, *more: str, check: dict[str, Any] | None = None, **config: Any) -> Service:
        """Describe the service, with a check where one is given; `more` are URLs beside its own."""
        given = None if check is None else Check(**{"path": "/health", **check})
        return Service(targets=[self.upstream.url, *more], check=given, **config)

    def out(self, seconds: float = 30, *, unreachable: bool = False) -> None:
        """Tell that a worker leaves the target out."""
        cause = "ejected"
        self.checker.hear(News("s", self.label, "out", cause, seconds, unreachable))  # type: ignore[arg-type]

    def counted(self, result: str, target: str | None = None) -> float:
        family = self.metrics.families["sluicegate_health_checks_total"]
        return family.cell("s", target or self.label, result).value

    @property
    def made(self) -> float:
        family = self.metrics.families["sluicegate_health_checks_total"]
        return sum(cell.value for cell in family.series.values())  # type: ignore[union-attr]

    async def move(self, seconds: float) -> None:
        """Let time pass; every check that can end ends in the tenth of a second it began in."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            for _ in range(3):
                await asyncio.sleep(0)
            while self.busy:  # noqa: ASYNC110 - it is the loop that has to turn
                await asyncio.sleep(0)

    @property
    def busy(self) -> int:
        """Checks that are under way, but for those of the service that hangs."""
        services = self.checker._services.items()
        return sum(
            target._task is not None
            for name, service in services
            if name != self.hanging
            for target in service.targets.values()
        )


def world(body: Callable[[World], Awaitable[None]]) -> None:
    """Run `body` with a target that is there."""

    async def whole() -> None:
        at = World()
        await at.upstream.start()
        try:
            await body(at)
        finally:
            at.checker.close()
            await at.upstream.stop()
        assert all(news.target == at.label for news in at.told if news.service == "s")

    run(whole())


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as lines:
        yield lines


EVERY_SECOND = {"interval": Duration(1), "healthy": 2, "unhealthy": 3}


# --- checks -------------------------------------------------------------------------------------


def test_a_target_goes_down_and_comes_up_and_only_that_is_told(logs: Logs) -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service(check=EVERY_SECOND)})
        await at.move(3)
        assert at.counted("passed") >= 2
        assert at.told == []
        at.status = 503
        await at.move(10)
        assert at.told == [News("s", at.label, "down")]
        at.status = 200
        await at.move(10)
        assert at.told[1:] == [News("s", at.label, "up")]
        assert at.counted("failed") >= 3

    world(body)
    assert [line["event"] for line in logs] == ["check_down", "check_up"]
    assert logs[0]["detail"] == "status 503"


def test_the_first_check_is_made_within_a_second() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service(check={"interval": Duration(60)})})
        await at.move(1)
        assert len(at.upstream.requests) == 1
        await at.move(53)
        assert len(at.upstream.requests) == 1
        await at.move(14)
        assert len(at.upstream.requests) == 2

    world(body)


def test_a_target_that_is_down_is_looked_at_twice_a_second() -> None:
    async def body(at: World) -> None:
        at.status = 500
        check = {"interval": Duration(60), "unhealthy": 1, "healthy": 2}
        at.checker.watch({"s": at.service(check=check)})
        await at.move(1)
        assert at.events == ["down"]
        at.status = 200
        await at.move(1.3)
        assert at.events == ["down", "up"]
        made = at.made
        await at.move(50)
        assert at.made == made

    world(body)


def test_a_target_that_hangs_holds_up_no_other_and_fails_in_its_time() -> None:
    async def hang(talk: Talk) -> None:
        await talk.gone()

    async def body(at: World) -> None:
        slow = Upstream(hang)
        await slow.start()
        check = Check(path="/", timeout=Duration(3), **{**EVERY_SECOND, "unhealthy": 1})
        slow_service = Service(targets=[slow.url], check=check)
        at.checker.watch({"s": at.service(check=EVERY_SECOND), "slow": slow_service})
        at.hanging = "slow"
        try:
            await at.move(3)
            assert at.counted("passed") >= 2
            assert at.told == []
            await at.move(1.1)
            assert [(news.service, news.event) for news in at.told] == [("slow", "down")]
        finally:
            at.checker.close()
            await slow.stop()

    world(body)


def test_thousands_of_targets_are_not_checked_all_at_once() -> None:
    async def body(at: World) -> None:
        count = 3 * FIRST_PER_S
        urls = [f"http://127.0.{n // 250}.{n % 250 + 1}:9" for n in range(count)]
        service = Service(targets=list(urls), check=Check(interval=Duration(5)))
        at.checker.watch({"many": service})
        seen: list[float] = [0]
        for _ in range(30):
            await at.move(0.1)
            seen.append(at.made)
        assert seen[-1] >= 0.99 * count
        busiest = max(later - earlier for earlier, later in pairwise(seen))
        assert busiest < 0.1 * FIRST_PER_S * 2

    world(body)


def test_a_check_that_cannot_even_be_made_is_a_failed_one(logs: Logs) -> None:
    async def body(at: World) -> None:
        tls = UpstreamTls(ca="/missing.pem")
        check = Check(**EVERY_SECOND)
        at.checker.watch({"s": Service(targets=[f"https://{at.label}"], check=check, tls=tls)})
        await at.move(10)
        assert at.events == ["down"]
        assert at.counted("failed") >= 5

    world(body)
    assert [line["event"] for line in logs] == ["check_broken", "check_down"]


def test_a_name_that_may_not_lead_where_it_leads_is_not_followed() -> None:
    async def body(at: World) -> None:
        inside = f"http://inside.example:{at.upstream.port}"
        service = Service(targets=[inside], check=Check(path="/", **EVERY_SECOND))
        at.checker.watch({"named": service})
        await at.move(5)
        assert at.events == ["down"]
        assert at.upstream.connections == 0

    world(body)


# --- a target that is left out ------------------------------------------------------------------


def test_a_target_that_could_not_be_reached_is_back_as_soon_as_it_can() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service()})
        await at.upstream.stop()
        await at.move(2)
        assert at.made == 0, "without a check, a target in use is not asked"
        at.out(unreachable=True)
        await at.move(5)
        assert at.told == []
        assert 8 <= at.counted("failed") <= 12
        await at.upstream.start()
        await at.move(0.6)
        assert at.told == [News("s", at.label, "back")]
        await at.move(30)
        assert at.upstream.connections == 1, "nobody looks any more"

    world(body)


def test_a_target_that_was_reachable_all_along_is_looked_at_once() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service()})
        at.out()
        await at.move(40)
        assert at.told == []
        assert at.made == 1

    world(body)


def test_nobody_looks_for_longer_than_the_target_is_left_out() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service()})
        await at.upstream.stop()
        at.out(3)
        await at.move(5)
        made = at.made
        assert made <= 7
        await at.move(30)
        assert at.made == made
        assert at.told == []

    world(body)


def test_news_from_every_worker_do_not_put_the_look_off() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service()})
        for _ in range(5):
            at.out(unreachable=True)
            await at.move(0.1)
        await at.move(0.1)
        assert at.events == ["back"]

    world(body)


def test_with_a_check_it_is_the_check_that_finds_it_back() -> None:
    async def body(at: World) -> None:
        check = {"interval": Duration(60), "healthy": 2, "unhealthy": 100}
        at.checker.watch({"s": at.service(check=check)})
        await at.move(2)
        at.status = 500
        at.out()
        await at.move(2)
        assert at.counted("failed") >= 3
        assert at.told == []
        at.status = 200
        await at.move(1.3)
        assert at.events == ["back"]

    world(body)


def test_news_of_what_is_not_there_do_no_harm() -> None:
    async def body(at: World) -> None:
        at.checker.hear(News("other", at.label, "out", "open", 30.0))
        at.checker.watch({"s": at.service()})
        at.checker.hear(News("s", "10.0.0.1:80", "out", "open", 30.0))
        at.checker.hear(News("s", at.label, "back"))
        at.checker.hear(News("s", at.label, "up"))
        await at.move(2)
        assert (at.told, at.made) == ([], 0)

    world(body)


# --- a configuration that changes ---------------------------------------------------------------


def test_a_service_that_has_not_changed_keeps_its_counts() -> None:
    async def body(at: World) -> None:
        at.status = 500
        at.checker.watch({"s": at.service(check=EVERY_SECOND)})
        for _ in range(60):
            await at.move(0.1)
            at.checker.watch({"s": at.service(check=EVERY_SECOND), "other": at.service()})
        assert at.events == ["down"]
        assert at.counted("failed") > 3

    world(body)


def test_what_is_down_when_its_service_changes_is_told_again_and_stays_down() -> None:
    async def body(at: World) -> None:
        at.status = 500
        at.checker.watch({"s": at.service(check=EVERY_SECOND)})
        await at.move(5)
        other = f"http://127.0.0.1:{free_port()}"
        at.checker.watch({"s": at.service(other, check={**EVERY_SECOND, "unhealthy": 99})})
        assert at.events == ["down", "down"]
        at.status = 200
        await at.move(5)
        assert at.events == ["down", "down", "up"]

    world(body)


def test_what_is_left_out_when_its_service_changes_is_still_looked_for() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service()})
        await at.upstream.stop()
        at.out(unreachable=True)
        await at.move(1)
        at.checker.watch({"s": at.service(preserve_host=False)})
        await at.upstream.start()
        await at.move(1)
        assert at.events == ["back"]

    world(body)


@pytest.mark.parametrize("without", ["check", "target", "service"])
def test_nothing_stays_down_for_lack_of_somebody_who_looks(without: str) -> None:
    async def body(at: World) -> None:
        at.status = 500
        at.checker.watch({"s": at.service(check=EVERY_SECOND)})
        await at.move(5)
        elsewhere = Service(targets=[f"http://127.0.0.1:{free_port()}"])
        services = {"check": {"s": at.service()}, "target": {"s": elsewhere}, "service": {}}
        at.checker.watch(services[without])
        assert at.events == ["down", "up"]
        asked = len(at.upstream.requests)
        await at.move(10)
        assert len(at.upstream.requests) == asked

    world(body)


def test_a_checker_that_takes_over_learns_what_is_down() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service(check={**EVERY_SECOND, "interval": Duration(60)})})
        at.checker.hear(News("s", at.label, "down"))
        assert at.told == []
        await at.move(2)
        assert at.events == ["up"]

    world(body)


def test_a_checker_that_takes_over_calls_up_what_is_not_checked_any_more() -> None:
    async def body(at: World) -> None:
        at.checker.watch({"s": at.service()})
        at.checker.hear(News("s", at.label, "down"))
        at.checker.hear(News("gone", at.label, "down"))
        assert [(news.service, news.event) for news in at.told] == [("s", "up"), ("gone", "up")]

    world(body)


def test_after_the_end_nothing_is_asked_and_nothing_told() -> None:
    async def hang(talk: Talk) -> None:
        await talk.request()
        await talk.gone()

    async def body(at: World) -> None:
        at.upstream.script = hang
        at.checker.watch({"s": at.service(check={**EVERY_SECOND, "unhealthy": 1})})
        at.hanging = "s"
        await at.move(1)
        while not at.upstream.requests:  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(0)
        at.checker.close()
        while at.upstream.open:  # noqa: ASYNC110 - it is the loop that has to turn
            await asyncio.sleep(0)
        at.clock.advance(60)
        assert at.told == []
        assert at.upstream.connections == 1

    world(body)


def test_time_taken_is_measured_by_service() -> None:
    async def body(at: World) -> None:
        at.upstream.script = answering(response())
        at.checker.watch({"s": at.service(check=EVERY_SECOND)})
        await at.move(5)
        family = at.metrics.families["sluicegate_health_check_duration_seconds"]
        assert sum(family.histogram("s").counts) == at.made > 0

    world(body)
