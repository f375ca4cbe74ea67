"""The data plane as a whole: applied, reloaded, drained, closed."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest

from sluicegate.assemble import DataPlane
from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.snapshot.load import load
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.upstream.health.news import News
from support.front import document, front, opened, settles
from support.loops import run
from support.model_calls import deployments, model_world
from support.ports import listening_socket
from support.raw_http import connect
from support.scripted_provider import error, golden
from support.upstreams import Talk, answering, echo, response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_plane_is_ready_once_a_configuration_was_applied_and_until_it_drains(
    tmp_path: Path,
) -> None:
    with front(tmp_path, echo) as at:
        plane = at.plane.inner
        assert plane.ready
        assert plane.revision
        at.do(plane.begin_drain)
        assert not plane.ready


def test_a_reload_moves_the_next_requests_and_leaves_those_in_flight(tmp_path: Path) -> None:
    gate = threading.Event()

    async def slow(talk: Talk) -> None:
        await talk.request()
        await opened(gate)
        await talk.send(response(body=b"old"))
        await talk.gone()

    with (
        front(tmp_path / "old", slow) as at,
        front(tmp_path / "new", answering(response(body=b"new"))) as other,
        at.connect() as waiting,
        at.connect() as client,
    ):
        revision = at.plane.inner.revision
        waiting.send(GET)
        at.wait(lambda: at.upstream.requests, "one is in flight")
        at.call(at.plane.apply(document(other.upstream.url)))
        assert at.plane.inner.revision != revision
        assert client.request(GET).body == b"new"
        gate.set()
        assert waiting.answer().body == b"old"
        assert waiting.request(GET).body == b"new"
        at.wait(lambda: not at.upstream.open, "the old service's connections are let go")


def test_a_reload_without_a_change_keeps_the_connections(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        for _ in range(5):
            client.request(GET)
            at.call(at.plane.apply(document(at.upstream.url)))
        assert at.upstream.connections == 1


def test_a_configuration_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        revision = at.plane.inner.revision
        with pytest.raises(ConfigError):
            at.call(at.plane.apply(document("http://a:1", route={"service": "nowhere"})))
        with pytest.raises(ConfigError):
            at.call(at.plane.apply(document("https://a", service={"tls": {"ca": "/no/file"}})))
        assert at.plane.inner.revision == revision
        assert client.request(GET).status == 200


def test_the_loop_turns_while_thousands_of_routes_are_compiled(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        routes = {f"r{n}": {"match": {"path": f"/r{n}/**"}, "service": "up"} for n in range(2000)}
        text = document(at.upstream.url).replace('"routes": {', '"routes": {' + _inside(routes))
        at.plane.file.write_text(text)
        resources = load(at.plane.file, {}).resources

        async def apply_and_count() -> int:
            applied, turns = asyncio.ensure_future(at.plane.inner.apply(resources)), 0
            while not applied.done():
                await asyncio.sleep(0)
                turns += 1
            await applied
            return turns

        assert at.call(apply_and_count()) > 4
        assert client.request(GET.replace(b" / ", b" /r1999/x ")).status == 200


def _inside(routes: object) -> str:
    return json.dumps(routes)[1:-1] + ", "


def test_a_plane_may_listen_on_several_sockets_and_stop_on_one(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, listening_socket() as extra:
        port = extra.getsockname()[1]
        at.call(at.plane.inner.listen(extra))
        with connect(port) as client, at.connect() as other:
            assert client.request(GET).status == 200
            at.do(lambda: at.plane.inner.stop_listening(extra))
            assert client.request(GET).status == 200  # who is connected stays
            assert other.request(GET).status == 200
            with connect(port) as waiting:  # the socket is its owner's still: it only waits
                waiting.sock.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    waiting.request(GET)


def test_a_plane_that_is_told_to_stop_while_it_still_connects_never_listens(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked = asyncio.Event()
        ends: list[asyncio.StreamWriter] = []

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ends.append(writer)
            asked.set()

        state = await asyncio.start_server(connected, "127.0.0.1")
        port = state.sockets[0].getsockname()[1]
        file = tmp_path / "application.yml"
        file.write_text(f"state: {{url: 'redis://127.0.0.1:{port}', connect_timeout: 30s}}")
        loaded = load(file, {})
        plane = DataPlane(loaded.settings, Clock(), PolicyCatalog(), Metrics(), lambda _: None)
        with listening_socket() as sock:
            await plane.apply(loaded.resources)
            listening = asyncio.create_task(plane.listen(sock))
            await asked.wait()
            plane.stop_listening(sock)
            state.close()
            for end in ends:
                end.transport.abort()
            await listening
            address = sock.getsockname()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        await plane.close()

    run(scenario())


def test_closing_ends_what_is_in_flight(tmp_path: Path) -> None:
    async def silent(talk: Talk) -> None:
        await talk.head()
        await talk.gone()

    with front(tmp_path, silent) as at, at.connect() as client:
        client.send(GET)
        at.wait(lambda: at.upstream.requests, "it is in flight")
        at.call(at.plane.inner.close())
        assert client.read_all() == b""
        settles(at)
        at.wait(lambda: not at.upstream.open, "the upstream's side is closed")


def test_nothing_is_told_of_targets_that_are_gone(tmp_path: Path) -> None:
    with front(tmp_path, echo, echo) as at, at.connect() as client:
        first, second = at.upstreams
        for _ in range(20):
            client.request(GET)
        label = f"127.0.0.1:{second.port}"
        assert at.plane.counted("sluicegate_upstream_attempts_total", label)
        at.call(at.plane.apply(document(first.url)))
        told = {value for dump in at.plane.inner.metrics.dump() for series in dump.series
                for value in series.values}  # fmt: skip
        assert label not in told
        assert f"127.0.0.1:{first.port}" in told
        assert client.request(GET).status == 200


def test_news_of_a_target_that_is_just_being_added_are_kept(tmp_path: Path) -> None:
    with front(tmp_path, echo, echo) as at:
        first, second = at.upstreams
        at.call(at.plane.apply(document(first.url)))
        routes = {f"r{n}": {"match": {"path": f"/r{n}"}, "service": "up"} for n in range(500)}
        text = document(first.url, second.url).replace(
            '"routes": {', '"routes": {' + _inside(routes)
        )

        async def work() -> None:
            applying = asyncio.ensure_future(at.plane.apply(text))
            while not at.plane.inner._applying.locked():  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0)
            at.plane.inner.hear(News("up", f"127.0.0.1:{second.port}", "down"))
            at.plane.inner.hear(News("up", "127.0.0.1:1", "down"))
            await applying

        at.call(work())
        assert [at.target(number).available for number in (0, 1)] == [True, False]


def test_a_reload_takes_over_models_that_stay_and_lets_go_of_those_that_do_not(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        models = {"m": deployments("chat"), "n": deployments("other")}
        async with model_world(tmp_path, models) as world:
            plane = world.plane
            before = plane.inner.snapshot
            assert before is not None
            for name in ("m", "n"):
                world.provider.play(name, golden("text"))
                assert (await world.chat(name)).status == 200
            config = json.loads(plane.file.read_text())
            del config["models"]["n"], config["providers"]["other"]
            await plane.apply(json.dumps(config))
            after = plane.inner.snapshot
            assert after is not None
            assert after.models.pools["m"] is before.models.pools["m"]
            assert after.providers["chat"] is before.providers["chat"]
            assert before.providers["other"].pool.closed
            assert not after.providers["chat"].pool.closed
            assert (await world.chat("m")).status == 200
            assert (await world.chat("n")).status == 404
            told = {value for dump in plane.inner.metrics.dump() for series in dump.series
                    for value in series.values}  # fmt: skip
            assert "m" in told
            assert not {"n", "other", "other/n"} & told

    run(work())


def test_a_deployment_that_rests_goes_on_resting_after_a_reload(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat")}) as world:
            world.provider.play("m", error("rate_limited", {"retry-after-ms": "60000"}))
            assert (await world.chat("m")).status == 429
            config = json.loads(world.plane.file.read_text())
            config["models"]["m"] = deployments("chat", description="Another one.")
            await world.plane.apply(json.dumps(config))
            assert (await world.chat("m")).status == 429
            assert len(world.provider.calls) == 1

    run(work())


def test_a_key_that_is_exchanged_holds_from_the_next_call_on(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path) as world:
            assert (await world.chat("scenario-text")).status == 200
            config = json.loads(world.plane.file.read_text())
            config["providers"]["chat"]["key"] = "another-key-of-the-gateway"
            await world.plane.apply(json.dumps(config))
            assert (await world.chat("scenario-text")).status == 502
            sent = world.provider.calls[-1].headers["authorization"]
            assert sent == "Bearer another-key-of-the-gateway"

    run(work())
