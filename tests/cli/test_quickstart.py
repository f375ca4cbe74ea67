from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sluicegate.cli import quickstart
from sluicegate.errors import ConfigError
from support.gateway import environment
from support.ports import eventually, free_port, listening_socket
from support.raw_http import Answer, get

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart.yml"
MODELS = EXAMPLE.with_name("models.yml")
CURL = re.compile(
    r"curl -i -H '(?P<header>X-API-Key: (?P<key>\S+))' http://[^/:]+:(\d+)(?P<path>/\S+)"
)


def example(folder: Path) -> Path:
    """Copy the example, with a free port for the service in place of its own."""
    file = folder / "examples" / "quickstart.yml"
    file.parent.mkdir()
    file.write_text(EXAMPLE.read_text().replace("127.0.0.1:9000", f"127.0.0.1:{free_port()}"))
    return file


@dataclass
class Quickstart:
    """A running quickstart, and the request that it says to try."""

    process: subprocess.Popen[bytes]
    port: int
    header: str
    path: str
    shown: str

    def try_it(self) -> Answer:
        return get(self.port, self.path, self.header)


@contextmanager
def running(folder: Path) -> Iterator[Quickstart]:
    port, output = free_port(), folder / "output"
    with output.open("wb") as opened:
        process = subprocess.Popen(
            [sys.executable, "-m", "sluicegate", "quickstart", str(example(folder))],
            cwd=folder,
            env=environment(port, free_port(), folder),
            stdout=opened,
            stderr=subprocess.STDOUT,
        )
    try:
        eventually(lambda: "Ctrl-C ends it" in output.read_text(), "it is ready")
        found = CURL.search(output.read_text())
        assert found is not None
        yield Quickstart(process, port, found["header"], found["path"], output.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0, output.read_text()
        assert "Traceback" not in output.read_text(), output.read_text()
    finally:
        process.terminate()
        process.wait(10)


def test_the_printed_line_works_and_without_the_key_or_over_the_limit_it_does_not(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as started:
        answer = started.try_it()
        assert answer.status == 200
        reached = json.loads(answer.body)["headers"]
        assert "sluicegate-consumer: you" in reached
        assert not [line for line in reached if line.lower().startswith("x-api-key")]
        assert get(started.port, started.path).status == 401
        eventually(lambda: started.try_it().status == 429, "the limit is reached", every_s=0)
        key_file = tmp_path / ".sluicegate" / "quickstart.key"
        assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
        assert key_file.read_text().strip() in started.header


def test_the_key_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "new" / "key"
    key = quickstart.ensure_key(file)
    assert key.startswith("sg_local_")
    assert quickstart.ensure_key(file) == key
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_busy_port_is_named_with_what_to_do(tmp_path: Path) -> None:
    with listening_socket() as busy:
        port = busy.getsockname()[1]
        environ = {"SLUICEGATE_GATEWAY_LISTEN": f"127.0.0.1:{port}"}
        with pytest.raises(quickstart.PortBusy, match=f":{port}: .*SLUICEGATE_GATEWAY_LISTEN"):
            quickstart.prepare(example(tmp_path), environ)


def test_a_configuration_without_the_service_that_is_played_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "examples" / "quickstart.yml"
    file.parent.mkdir()
    file.write_text("services: {other: {targets: [http://127.0.0.1:1]}}\nroutes: {}\n")
    with pytest.raises(ConfigError, match="expected a service `hello`"):
        quickstart.prepare(file, {})


def test_a_configuration_of_models_needs_no_service_and_its_client_is_told_where_to_ask(
    tmp_path: Path,
) -> None:
    file = tmp_path / "examples" / "models.yml"
    file.parent.mkdir()
    file.write_text(MODELS.read_text())
    environ = {
        "OPENAI_API_KEY": "a",
        "ANTHROPIC_API_KEY": "b",
        "SLUICEGATE_GATEWAY_LISTEN": f"127.0.0.1:{free_port()}",
        "SLUICEGATE_MANAGEMENT_LISTEN": f"127.0.0.1:{free_port()}",
    }
    prepared = quickstart.prepare(file, environ)
    assert prepared.upstream is None
    assert f"http://{prepared.gateway}/v1/models" in prepared.trying
    assert prepared.key in prepared.trying


def test_a_broken_configuration_is_told_and_nothing_starts(tmp_path: Path) -> None:
    file = example(tmp_path)
    file.write_text(file.read_text() + "\nrouts: {}\n")
    done = subprocess.run(
        [sys.executable, "-m", "sluicegate", "quickstart", str(file)],
        capture_output=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
        text=True,
    )
    assert done.returncode == 1
    assert "routs" in done.stderr
    assert "Traceback" not in done.stderr
