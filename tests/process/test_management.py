from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from sluicegate.admin.actuator import Silent
from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.ledger import BudgetWanted, Entry
from sluicegate.model.resilience import Check
from sluicegate.model.service import Service, UpstreamTls
from sluicegate.model.units import Duration
from sluicegate.process import management, messages
from sluicegate.process.child import Child, start_child
from sluicegate.process.management import Desk, Hub
from sluicegate.process.status import ReloadStatus, Status, WorkerStatus
from sluicegate.process.transfer import frames, pack_settings
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.snapshot.document import Resources, encode
from sluicegate.upstream.health.news import News
from support.certificates import Authority
from support.loops import run
from support.ports import free_port, listening_socket
from support.raw_http import get
from support.upstreams import Upstream, answering, response

ALONE = Settings(store=Store(url="none"))
ANSWERS = (messages.Booked, messages.Brought)
STATUS = Status(
    live=True,
    ready=True,
    draining=False,
    revision="0123456789abcdef",
    workers=[WorkerStatus(0, "ready", 1, "0123456789abcdef", 0, 0)],
    reload=ReloadStatus(),
)


class Channel:
    """Keeps what is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def send(self, *questions: messages.Message) -> None:
        self.asked += questions


def hub() -> tuple[Hub, Channel]:
    channel = Channel()
    return Hub(cast("Any", channel)), channel


def desk(tmp_path: Path) -> tuple[Desk, Channel]:
    settings = Settings(store=Store(url="sqlite:///store.db"), data_dir=str(tmp_path))
    start, channel = messages.Start(pack_settings(settings), -1, [], 0.1, 10, 1), Channel()
    link = cast("Any", channel)
    return Desk(start, settings, link, Hub(link), Clock(), lambda _: None), channel


def test_entries_of_workers_are_kept_once_there_is_a_store(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, channel = desk(tmp_path)
        book = messages.Book(3, [Entry(id="w1"), Entry(id="w2")])
        bring = messages.Bring(4, BudgetWanted("p", "s", (), {}))
        await one._answer(book)
        await one._answer(bring)
        await one._take_file(cast("Any", one._store), Resources.of({}), 7)
        await one._answer(book)
        await one._answer(book)
        await one._answer(bring)  # what each worker counts by itself, nobody can bring
        await one.close()
        answers = [each for each in channel.asked if isinstance(each, ANSWERS)]
        assert answers == [
            messages.Booked(3, 0, away=True),
            messages.Brought(4, away=True),
            messages.Booked(3, 2, away=False),
            messages.Booked(3, 0, away=False),
            messages.Brought(4, away=True),
        ]

    run(scenario())


def test_whoever_asks_about_the_ledger_is_answered_whatever_goes_wrong(tmp_path: Path) -> None:
    class Broken:
        async def book(self, _: object) -> int:
            raise ValueError("hidden")

        bring = book

    async def scenario() -> None:
        one, channel = desk(tmp_path)
        ledger, one._ledger = one._ledger, cast("Any", Broken())
        await one._answer(messages.Book(1, []))
        await one._answer(messages.Bring(2, BudgetWanted("p", "s", (), {})))
        one._ledger = ledger
        await one.close()
        assert channel.asked == [messages.Booked(1, 0, away=True), messages.Brought(2, away=True)]

    run(scenario())


def test_answers_come_to_the_questions_they_belong_to_in_any_order() -> None:
    async def scenario() -> None:
        one, channel = hub()
        status = asyncio.create_task(one.status())
        scrape = asyncio.create_task(one.scrape())
        await asyncio.sleep(0)
        report, question = channel.asked
        one.on_message(messages.Scraped(question.number, []))
        one.on_message(messages.Reported(report.number, STATUS))
        assert await scrape == []
        assert await status == STATUS

    asyncio.run(scenario())


def test_a_supervisor_that_does_not_answer_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "ANSWER_S", 0)

    async def scenario() -> None:
        one, channel = hub()
        with pytest.raises(Silent):
            await one.status()
        one.on_message(messages.Reported(channel.asked[0].number, STATUS))

    asyncio.run(scenario())


def test_the_process_serves_what_its_supervisor_answers_and_ends_with_the_channel() -> None:
    async def scenario() -> None:
        ready = asyncio.Event()
        counted = Metrics()
        counted.family("sluicegate_things_total", "counter", "Things.").cell().value = 3

        def on_message(message: messages.AnyMessage) -> None:
            match message:
                case messages.Ready():
                    ready.set()
                case messages.Report(number):
                    child.send(messages.Reported(number, STATUS))
                case messages.Scrape(number):
                    child.send(messages.Scraped(number, counted.dump()))

        with listening_socket() as sock:
            number = sock.fileno()
            child = await start_child(management.__name__, [], [number], on_message)
            child.send(messages.Start(pack_settings(ALONE), -1, [number], 0.1, 10, 1))
            await ready.wait()
            port = sock.getsockname()[1]
            health = await asyncio.to_thread(get, port, "/actuator/health", host="127.0.0.1")
            scraped = await asyncio.to_thread(get, port, "/actuator/prometheus", host="localhost")
            child.channel.close()
            assert await child.ended() == 0
        assert health.status == 200
        assert b"0123456789abcdef" in health.body
        assert b"\nsluicegate_things_total 3.0\n" in scraped.body

    run(scenario())


@asynccontextmanager
async def process() -> AsyncIterator[tuple[Child, asyncio.Queue[messages.AnyMessage]]]:
    """Run a management process; yields it, and what it says but for its beats."""
    said: asyncio.Queue[messages.AnyMessage] = asyncio.Queue()

    def on_message(message: messages.AnyMessage) -> None:
        if not isinstance(message, messages.Beat):
            said.put_nowait(message)

    with listening_socket() as sock:
        number = sock.fileno()
        child = await start_child(management.__name__, [], [number], on_message)
        try:
            child.send(messages.Start(pack_settings(ALONE), -1, [number], 0.1, 10, 1))
            assert isinstance(await said.get(), messages.Ready)
            yield child, said
        finally:
            child.channel.close()
            assert await child.ended() == 0


def services(**given: Service) -> Resources:
    return Resources.of({("service", name): encode(one) for name, one in given.items()})


CHECK = Check(path="/", interval=Duration(0.1), healthy=1, unhealthy=1)


def test_the_process_checks_the_services_it_is_sent_and_tells_what_it_finds() -> None:
    async def scenario() -> None:
        upstream = Upstream(answering(response(503), response(200)))
        await upstream.start()
        target = f"127.0.0.1:{upstream.port}"
        patient = Check(**{**structs.asdict(CHECK), "timeout": Duration(10)})
        wanted = services(s=Service(targets=[upstream.url], check=patient))
        async with process() as (child, said):
            child.send(*frames(None, wanted, 7))
            assert await said.get() == messages.Applied(7, wanted.revision, [])
            assert await said.get() == messages.Told(News("s", target, "down"))
            assert await said.get() == messages.Told(News("s", target, "up"))
            child.send(messages.Scrape(3))
            scraped = await said.get()
            assert isinstance(scraped, messages.Scraped)
            assert scraped.number == 3
            (checks,) = [f for f in scraped.dump if f.name == "sluicegate_health_checks_total"]
            assert {tuple(series.values) for series in checks.series} == {
                ("s", target, "failed"),
                ("s", target, "passed"),
            }
        await upstream.stop()

    run(scenario())


def test_the_process_looks_for_the_return_of_what_a_worker_leaves_out() -> None:
    async def scenario() -> None:
        upstream = Upstream(answering(response()))
        upstream.port = free_port()
        target = f"127.0.0.1:{upstream.port}"
        async with process() as (child, said):
            child.send(*frames(None, services(s=Service(targets=[upstream.url])), 1))
            await said.get()
            out = News("s", target, "out", "ejected", 60.0, unreachable=True)
            child.send(messages.Told(out))
            await upstream.start()
            assert await said.get() == messages.Told(News("s", target, "back"))
        await upstream.stop()

    run(scenario())


def test_the_process_reads_certificates_again_when_it_is_told_to(tmp_path: Path) -> None:
    async def scenario() -> None:
        upstream = Upstream(answering(response()))
        await upstream.start()
        ca = Authority(tmp_path).ca
        url = upstream.url.replace("http", "https")
        secure = Service(targets=[url], tls=UpstreamTls(ca=str(ca)), check=CHECK)
        async with process() as (child, said):
            child.send(*frames(None, services(s=secure), 1))
            assert isinstance(await said.get(), messages.Applied)
            assert isinstance(await said.get(), messages.Told)
            child.send(messages.Tls(5))
            assert await said.get() == messages.TlsApplied(5, [])
            ca.unlink()
            child.send(messages.Tls(6))
            verdict = await said.get()
            assert isinstance(verdict, messages.TlsApplied)
            assert str(ca) in verdict.faults[0].message
        await upstream.stop()

    run(scenario())


def test_whatever_is_wrong_with_the_store_is_answered_the_supervisor_waits_for_it(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        class Broken:
            async def take_file(self, *_: object) -> None:
                raise RuntimeError("hidden")

        channel = Channel()
        settings = Settings(store=Store(url="sqlite:///store.db"), data_dir=str(tmp_path))
        start = messages.Start(pack_settings(settings), -1, [], 0.1, 10, 1)
        link = cast("Any", channel)
        desk = Desk(start, settings, link, Hub(link), Clock(), lambda _: None)
        await desk._take_file(cast("Any", Broken()), Resources.of({}), 7)
        await desk.close()
        [answer] = channel.asked
        assert (answer.number, answer.revision) == (7, None)
        assert [fault.path for fault in answer.faults] == ["store"]
        assert "hidden" not in answer.faults[0].message

    asyncio.run(scenario())
