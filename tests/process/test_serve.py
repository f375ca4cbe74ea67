from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path

import pytest

from sluicegate.process.serve import watched
from sluicegate.settings import Certificate, ListenerTls, Settings
from sluicegate.settings import Gateway as GatewaySettings
from support.gateway import Gateway, gateway, start
from support.loops import in_thread
from support.ports import eventually, listening_socket
from support.raw_http import connect, get
from support.upstreams import Script, Talk, Upstream, answering, response

WORKERS = pytest.mark.parametrize("workers", ["1", "2"], ids=["one process", "two workers"])
GET = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"


def yaml(url: str, *paths: str) -> str:
    routes = "".join(f"  r{n}: {{match: {{path: {p}}}, service: s}}\n" for n, p in enumerate(paths))
    return f"services:\n  s: {{targets: ['{url}']}}\nroutes:\n{routes}"


def holding(gate: threading.Event) -> Script:
    """Make a script that answers once the gate is open."""

    async def script(talk: Talk) -> None:
        await talk.request()
        await asyncio.to_thread(gate.wait, 20)
        await talk.send(response(body=b"late"))

    return script


def cut(running: Gateway) -> None:
    """Send a second signal."""
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(20) == 128 + signal.SIGINT
    running.expected_exit = 128 + signal.SIGINT


def events(running: Gateway, name: str) -> list[dict[str, object]]:
    return [line for line in running.logs() if line["event"] == name]


@WORKERS
def test_it_says_when_it_is_ready_and_where(tmp_path: Path, workers: str) -> None:
    with gateway(
        tmp_path, yaml("http://127.0.0.1:9", "/a"), SLUICEGATE_GATEWAY_WORKERS=workers
    ) as up:
        eventually(lambda: events(up, "ready"), "all workers are ready")
        (ready,) = events(up, "ready")
    assert ready["gateway"] == f"127.0.0.1:{up.port}"
    assert ready["management"] == f"127.0.0.1:{up.management}"
    assert ready["workers"] == int(workers)


@WORKERS
def test_a_changed_file_is_served_without_a_signal(tmp_path: Path, workers: str) -> None:
    with (
        in_thread(Upstream(answering(response(body=b"hi")))) as upstream,
        gateway(tmp_path, yaml(upstream.url, "/a"), SLUICEGATE_GATEWAY_WORKERS=workers) as up,
    ):
        assert get(up.port, "/b").status == 404
        up.write(yaml(upstream.url, "/a", "/b"))
        eventually(lambda: events(up, "reloaded"), "the file is loaded again")
        assert [get(up.port, "/b").status for _ in range(8)] == [200] * 8
        assert up.metrics()['sluicegate_config_reloads_total{outcome="success"}'] == 1


@WORKERS
def test_a_reload_that_fails_keeps_what_runs_and_says_so_everywhere(
    tmp_path: Path, workers: str
) -> None:
    with (
        in_thread(Upstream(answering(response(body=b"hi")))) as upstream,
        gateway(tmp_path, yaml(upstream.url, "/a"), SLUICEGATE_GATEWAY_WORKERS=workers) as up,
    ):
        up.write("routes:\n  r0: {match: {pth: /b}}\n")
        up.reload()
        eventually(lambda: events(up, "fault"), "the fault is logged")
        fault = events(up, "fault")[0]
        assert str(fault["path"]).startswith("routes.r0")
        assert fault["line"] == 2
        assert get(up.port, "/a").status == 200
        assert up.metrics()["sluicegate_config_last_reload_success"] == 0
        assert "routes.r0" in str(up.health())
        assert up.healthy()
        up.write(yaml(upstream.url, "/a"))
        up.reload()
        eventually(
            lambda: up.metrics()["sluicegate_config_last_reload_success"] == 1, "it is mended"
        )


@WORKERS
def test_settings_that_need_a_restart_are_named(tmp_path: Path, workers: str) -> None:
    plain = yaml("http://127.0.0.1:9", "/a")
    with gateway(tmp_path, plain, SLUICEGATE_GATEWAY_WORKERS=workers) as up:
        up.write(plain + "region: {name: elsewhere}\n")
        eventually(
            lambda: events(up, "settings changed that need a restart"), "the warning is logged"
        )
        (warning, *_) = events(up, "settings changed that need a restart")
        assert warning["paths"] == ["region.name"]


@WORKERS
def test_the_last_good_configuration_is_kept(tmp_path: Path, workers: str) -> None:
    plain = yaml("http://127.0.0.1:9", "/a")
    with gateway(tmp_path, plain, SLUICEGATE_GATEWAY_WORKERS=workers):
        kept = tmp_path / "data" / "last-good.yml"
        eventually(kept.exists, "it is written")
        assert plain in kept.read_text()


def phases(up: Gateway) -> set[str]:
    """Return what the workers are at."""
    workers: list[dict[str, str]] = up.health()["workers"]
    return {worker["phase"] for worker in workers}


@WORKERS
def test_a_request_in_flight_at_sigterm_is_answered_and_told_to_close(
    tmp_path: Path, workers: str
) -> None:
    gate = threading.Event()
    with (
        in_thread(Upstream(holding(gate))) as upstream,
        gateway(
            tmp_path,
            yaml(upstream.url, "/a"),
            SLUICEGATE_GATEWAY_WORKERS=workers,
            SLUICEGATE_GATEWAY_DRAIN_DEADLINE="60s",
        ) as up,
        connect(up.port) as client,
    ):
        client.send(GET)
        eventually(lambda: upstream.requests, "the request is in flight")
        up.process.terminate()
        eventually(lambda: "ready" not in phases(up), "its workers drain")
        gate.set()
        answer = client.answer()
        assert (answer.status, answer.body) == (200, b"late")
        assert answer.get("connection") == "close"
        assert up.process.wait(20) == 0


@WORKERS
def test_in_the_grace_it_is_not_ready_and_still_serves(tmp_path: Path, workers: str) -> None:
    with (
        in_thread(Upstream(answering(response(body=b"hi")))) as upstream,
        gateway(
            tmp_path,
            yaml(upstream.url, "/a"),
            SLUICEGATE_GATEWAY_WORKERS=workers,
            SLUICEGATE_GATEWAY_DRAIN_GRACE="30s",
        ) as up,
    ):
        up.process.terminate()
        eventually(lambda: not up.healthy(), "it is not ready")
        assert up.healthy("liveness")
        assert get(up.port, "/actuator/health/readiness").body == b'{"status":"OUT_OF_SERVICE"}'
        answer = get(up.port, "/a")
        assert answer.status == 200
        assert answer.get("connection") == "close"
        cut(up)


@WORKERS
def test_what_is_in_flight_at_the_deadline_is_cut_and_the_exit_is_clean(
    tmp_path: Path, workers: str
) -> None:
    gate = threading.Event()
    with (
        in_thread(Upstream(holding(gate))) as upstream,
        gateway(
            tmp_path,
            yaml(upstream.url, "/a"),
            SLUICEGATE_GATEWAY_WORKERS=workers,
            SLUICEGATE_GATEWAY_DRAIN_DEADLINE="200ms",
        ) as up,
        connect(up.port) as client,
    ):
        client.send(GET)
        eventually(lambda: upstream.requests, "the request is in flight")
        assert up.stop() == 0
        assert client.closed()
        gate.set()


@WORKERS
def test_a_second_signal_cuts_at_once(tmp_path: Path, workers: str) -> None:
    gate = threading.Event()
    with (
        in_thread(Upstream(holding(gate))) as upstream,
        gateway(
            tmp_path,
            yaml(upstream.url, "/a"),
            SLUICEGATE_GATEWAY_WORKERS=workers,
            SLUICEGATE_GATEWAY_DRAIN_GRACE="30s",
            SLUICEGATE_GATEWAY_DRAIN_DEADLINE="30s",
        ) as up,
        connect(up.port) as client,
    ):
        client.send(GET)
        eventually(lambda: upstream.requests, "the request is in flight")
        up.process.terminate()
        eventually(lambda: events(up, "draining"), "it drains")
        cut(up)
        assert client.closed()
        gate.set()


def test_a_broken_configuration_at_the_start_prints_every_fault_and_exits_with_1(
    tmp_path: Path,
) -> None:
    running = start(tmp_path, "routes:\n  a: {match: {pth: /a}}\n  b: {service: 5}\nnonsense: 1\n")
    assert running.process.wait(20) == 1
    printed = running.err.read_text()
    assert "application.yml:2: routes.a" in printed
    assert "application.yml:4: nonsense" in printed
    assert "Traceback" not in printed


@WORKERS
def test_a_port_in_use_is_named_and_exits_with_1(tmp_path: Path, workers: str) -> None:
    with listening_socket() as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        running = start(
            tmp_path,
            yaml("http://127.0.0.1:9", "/a"),
            SLUICEGATE_GATEWAY_LISTEN=address,
            SLUICEGATE_GATEWAY_WORKERS=workers,
        )
        assert running.process.wait(20) == 1
    assert f"cannot listen on {address}" in running.err.read_text()
    assert "Traceback" not in running.err.read_text()


def test_certificates_are_watched_beside_the_configuration() -> None:
    tls = ListenerTls(
        certificates=[Certificate(certificate="a.pem", key="a.key")], client_ca="clients.pem"
    )
    settings = Settings(gateway=GatewaySettings(tls=tls))
    paths = [str(path) for path in watched(Path("application.yml"), settings)]
    assert paths == ["application.yml", "a.pem", "a.key", "clients.pem"]
    assert watched(Path("application.yml"), Settings()) == [Path("application.yml")]
