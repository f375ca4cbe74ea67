from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sluicegate.errors import UPSTREAM_UNREACHABLE
from sluicegate.model.key import new_key
from sluicegate.model.resilience import Ejection
from sluicegate.model.route import Match, Route
from sluicegate.model.service import Service, Target
from sluicegate.process import messages
from sluicegate.process.child import Child, start_child
from sluicegate.process.transfer import frames, pack_settings
from sluicegate.settings import Certificate, Gateway, ListenerTls, Settings
from sluicegate.snapshot.document import Resources, encode
from sluicegate.snapshot.load import load
from sluicegate.upstream.health.news import News
from support.gateway import Gateway as GatewayProcess
from support.loops import in_thread, run
from support.model_front import config, provider, request
from support.ports import listening_socket
from support.raw_http import ask, get
from support.scripted_provider import ScriptedProvider

UNREACHABLE = UPSTREAM_UNREACHABLE.status


def resources(*paths: str) -> Resources:
    service = Service(targets=[Target(url="http://127.0.0.1:9")], ejection=Ejection(consecutive=5))
    routes = {
        ("route", f"r{number}"): encode(Route(match=Match(path=path), service="s"))
        for number, path in enumerate(paths)
    }
    fixed = {("service", "s"): encode(service), ("policies", ""): encode([])}
    return Resources.of({**fixed, **routes})  # type: ignore[dict-item]


@dataclass
class Worker:
    """A worker process, seen from its supervisor. `own` and `other` are its sockets."""

    child: Child
    heard: asyncio.Queue[messages.AnyMessage]
    own: socket.socket
    other: socket.socket

    async def until(self, kind: type[messages.Message]) -> messages.AnyMessage:
        """Return the next message of a kind."""
        while not isinstance(message := await self.heard.get(), kind):
            continue
        return message

    async def status(self, sock: socket.socket, path: str) -> int:
        """Return the status of an answer on one of its sockets."""
        return (await asyncio.to_thread(get, sock.getsockname()[1], path)).status

    async def available(self) -> float:
        """Return whether the target takes calls, as its metrics say."""
        self.child.send(messages.Scrape(1))
        scraped = await self.until(messages.Scraped)
        assert isinstance(scraped, messages.Scraped)
        (family,) = [f for f in scraped.dump if f.name == "sluicegate_target_available"]
        (series,) = family.series
        return series.number


@asynccontextmanager
async def worker() -> AsyncIterator[Worker]:
    heard: asyncio.Queue[messages.AnyMessage] = asyncio.Queue()
    with listening_socket() as own, listening_socket() as other:
        numbers = [own.fileno(), other.fileno()]
        child = await start_child("sluicegate.process.worker", [], numbers, heard.put_nowait)
        child.send(messages.Start(pack_settings(Settings()), 0, numbers, 0.05, 10, 1))
        try:
            yield Worker(child, heard, own, other)
        finally:
            child.channel.close()
            child.kill()
            await child.ended()


def test_it_serves_what_it_is_sent_and_says_so() -> None:
    async def scenario() -> None:
        async with worker() as one:
            wanted = resources("/a")
            one.child.send(*frames(None, wanted, 5))
            await one.until(messages.Ready)
            assert await one.until(messages.Applied) == messages.Applied(5, wanted.revision, [])
            assert await one.status(one.own, "/b") == 404
            assert await one.status(one.own, "/a") == UNREACHABLE

    run(scenario())


def test_a_configuration_that_cannot_be_compiled_is_refused_and_the_one_before_stays() -> None:
    async def scenario() -> None:
        async with worker() as one:
            good = resources("/a")
            bad = Resources.of({**good.items, ("policies", ""): encode([{"no_such_policy": {}}])})
            one.child.send(*frames(None, good, 1))
            await one.until(messages.Applied)
            one.child.send(*frames(good, bad, 2))
            verdict = await one.until(messages.Applied)
            assert isinstance(verdict, messages.Applied)
            assert (verdict.number, verdict.revision) == (2, good.revision)
            assert verdict.faults
            assert await one.status(one.own, "/a") == UNREACHABLE

    run(scenario())


def test_it_accepts_for_another_slot_while_it_is_told_to() -> None:
    async def scenario() -> None:
        async with worker() as one:
            one.child.send(*frames(None, resources("/a"), 1))
            await one.until(messages.Applied)
            one.child.send(messages.Adopt(1))
            assert await one.status(one.other, "/b") == 404
            one.child.send(messages.Release(1), *frames(None, resources("/a"), 2))
            await one.until(messages.Applied)
            with socket.create_connection(one.other.getsockname(), timeout=0.2) as client:
                client.sendall(b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n")
                accepted, _ = await asyncio.to_thread(_accept, one.other)
                accepted.close()

    run(scenario())


def test_it_answers_a_scrape_with_its_metrics() -> None:
    async def scenario() -> None:
        async with worker() as one:
            one.child.send(*frames(None, resources("/a"), 1))
            await one.until(messages.Ready)
            one.child.send(messages.Scrape(9))
            scraped = await one.until(messages.Scraped)
            assert isinstance(scraped, messages.Scraped)
            assert scraped.number == 9
            assert any(family.name == "sluicegate_client_connections" for family in scraped.dump)

    run(scenario())


def test_entries_that_it_has_counted_by_itself_go_to_management_until_they_are_kept(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        with in_thread(ScriptedProvider()) as vendor:
            models = {"m": {"deployments": [{"provider": "a", "model": "scenario-text"}]}}
            file = tmp_path / "application.json"
            file.write_text(json.dumps(config({"a": provider(vendor.url)}, models)))
            async with worker() as one:
                one.child.send(*frames(None, load(file, {}).resources, 1))
                await one.until(messages.Ready)
                port = one.own.getsockname()[1]
                await asyncio.to_thread(ask, port, request("chat", "m"))
                first = await one.until(messages.Book)
                assert isinstance(first, messages.Book)
                one.child.send(messages.Booked(first.number, 0, away=True))
                again = await one.until(messages.Book)
                assert isinstance(again, messages.Book)
                assert again.entries == first.entries
                assert [entry.model for entry in again.entries] == ["m"]
                one.child.send(messages.Booked(again.number, 1, away=False))

    run(scenario())


def test_it_takes_news_of_targets_also_before_it_has_any() -> None:
    async def scenario() -> None:
        async with worker() as one:
            one.child.send(messages.Told(News("s", "127.0.0.1:9", "down")))
            one.child.send(*frames(None, resources("/a"), 1))
            await one.until(messages.Ready)
            assert await one.available() == 0
            one.child.send(messages.Told(News("s", "127.0.0.1:9", "up")))
            assert await one.available() == 1

    run(scenario())


def test_it_tells_of_a_target_that_it_leaves_out() -> None:
    async def scenario() -> None:
        async with worker() as one:
            one.child.send(*frames(None, resources("/a"), 1))
            await one.until(messages.Ready)
            for _ in range(5):
                assert await one.status(one.own, "/a") in {502, 503}
            told = await one.until(messages.Told)
            assert isinstance(told, messages.Told)
            assert told.news.service == "s"
            assert told.news.target == "127.0.0.1:9"
            assert (told.news.event, told.news.cause) == ("out", "ejected")
            assert told.news.seconds > 0
            assert told.news.unreachable

    run(scenario())


def test_it_ends_after_a_drain() -> None:
    async def scenario() -> None:
        async with worker() as one:
            one.child.send(*frames(None, resources("/a"), 1))
            await one.until(messages.Ready)
            one.child.send(messages.Drain(0, 5))
            assert await one.child.ended() == 0

    run(scenario())


def test_it_ends_when_its_supervisor_is_gone() -> None:
    async def scenario() -> None:
        async with worker() as one:
            one.child.send(*frames(None, resources("/a"), 1))
            await one.until(messages.Ready)
            one.child.channel.close()
            assert await one.child.ended() == 0

    run(scenario())


def test_certificates_that_cannot_be_read_are_faults_at_the_start() -> None:
    async def scenario() -> None:
        heard: asyncio.Queue[messages.AnyMessage] = asyncio.Queue()
        child = await start_child("sluicegate.process.worker", [], [], heard.put_nowait)
        child.send(messages.Start(pack_settings(TLS), 0, [], 1, 10, 1))
        verdict = await heard.get()
        assert isinstance(verdict, messages.Applied)
        assert "gateway.tls" in verdict.faults[0].path
        assert await child.ended() == 0

    run(scenario())


TLS = Settings(
    gateway=Gateway(
        tls=ListenerTls(certificates=[Certificate(certificate="/missing.pem", key="/missing.key")])
    )
)


def _accept(sock: socket.socket) -> tuple[socket.socket, object]:
    sock.settimeout(10)
    return sock.accept()


def test_where_there_is_no_store_a_key_that_could_be_stored_is_nobodys(
    start_gateway: Callable[..., GatewayProcess],
) -> None:
    yaml = "services: {s: {targets: ['http://192.0.2.1:80']}}\n"
    yaml += "routes: {r: {match: {path: /a}, service: s, policies: [{api_key: {}}]}}\n"
    running = start_gateway(yaml, SLUICEGATE_GATEWAY_WORKERS="2")
    answer = get(running.port, "/a", f"X-API-Key: {new_key('local')}")
    assert answer.status == 401
