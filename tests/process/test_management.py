from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from sluicegate.admin.actuator import Silent
from sluicegate.metrics import Metrics
from sluicegate.process import management, messages
from sluicegate.process.child import start_child
from sluicegate.process.management import Hub
from sluicegate.process.status import ReloadStatus, Status, WorkerStatus
from sluicegate.process.transfer import pack_settings
from sluicegate.settings import Settings
from support.loops import run
from support.ports import listening_socket
from support.raw_http import get

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

    def send(self, question: messages.Message) -> None:
        self.asked.append(question)


def hub() -> tuple[Hub, Channel]:
    channel = Channel()
    return Hub(cast("Any", channel)), channel


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
            child.send(messages.Start(pack_settings(Settings()), -1, [number], 0.1, 10, 1))
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
