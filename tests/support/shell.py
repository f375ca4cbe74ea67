"""A shell in which the commands of the documentation run, as docs/README.md tells."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml

from support.pages import ROOT, Block, Command, blocks, commands
from support.ports import asked_until, eventually, free_port, listens
from support.postgres import Postgres
from support.raw_http import get

PORTS = re.compile(r"(?<![\d.])(5432|6380|808[0-2]|8443|8444|9000|9001|9002|909[0-2])(?!\d)")
GATEWAY = re.compile(
    r"(?:SLUICEGATE_MANAGEMENT_LISTEN=(\S+)\s+)?sluicegate (?:run|quickstart) (\S*) ?.*&$",
    re.DOTALL,
)
DATABASE = re.compile(r"docker (run|kill|start) .*", re.DOTALL)
STAND_INS = ("helm", "kubectl", "docker", "kind")
"""Programs in whose place support/stand_ins.py is: they would need a cluster or an engine."""
QUICKSTART = "examples/quickstart.yml"
AT_TERMINAL = "SLUICEGATE_GATEWAY_DRAIN_GRACE=0"
"""What Ctrl-C means there. Nothing in a page's shell is one."""
MAKE_RUN = re.compile(r"(?P<before>.*?)make run(?: ARGS=(?P<file>\S+))?", re.DOTALL)
VENDORS = re.compile(r"\{kind: (openai|anthropic|gemini), (?!url:)")
VENDOR_PATHS = {"openai": "/v1", "anthropic": "", "gemini": ""}
ENOUGH_S = 80
"""For any one command."""
LOOK_S = 0.01
QUIET_LOOKS = 50
"""Together five times what the gateway keeps lines of its access log for. They are counted, so that
a machine that stands still is not taken for a log that does."""


class Shell:
    """A bash in a folder of its own, on ports of its own, with the examples beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ports: dict[str, str] = {}
        self._runs: dict[str, int] = {}
        self._quickstarted = False
        self._vendors: subprocess.Popen[bytes] | None = None
        self._database: Postgres | None = None
        self._stand_ins = folder / ".stand-ins"
        for program in STAND_INS:
            self._place(program)
        for file in (ROOT / "examples").glob("*.*"):
            self.write(f"examples/{file.name}", file.read_text())
        shutil.copytree(ROOT / "deploy", folder / "deploy", symlinks=True)
        shutil.rmtree(folder / "deploy" / "compose" / "secrets", ignore_errors=True)
        shutil.copytree(ROOT / "examples" / "policies", folder / "examples" / "policies",
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLUICEGATE_", "PYTEST_"))
            and not name.lower().endswith("proxy")
        }
        path = f"{self._stand_ins}:{Path(sys.executable).parent}:{inherited.get('PATH', '')}"
        own = {
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "LC_ALL": "C.UTF-8",
            # On a busy machine a state may be late and is not away: counts are exact.
            "SLUICEGATE_STATE_TIMEOUT": "2s",
            **{f"{name.upper()}_API_KEY": f"key-of-{name}" for name in VENDOR_PATHS},
            # Where the command line looks unless told.
            "SLUICEGATE_ADMIN_URL": f"http://127.0.0.1:{self._ports_of('9090')}",
        }
        self._ports_of("8080")  # where a stand-in's gateway is, whoever asks first
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env={**inherited, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )

    def _place(self, program: str) -> None:
        """Put a stand-in where the page's shell finds it first."""
        stand_in = Path(__file__).with_name("stand_ins.py")
        script = self._stand_ins / program
        script.parent.mkdir(exist_ok=True)
        command = f'exec {sys.executable} {stand_in} {self._stand_ins} {program} "$@"'
        script.write_text(f"#!/bin/sh\n{command}\n")
        script.chmod(0o755)

    def write(self, name: str, text: str) -> None:
        """Write a file of the page, whole, as an editor does."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + "~")
        fresh.write_text(self._substituted(VENDORS.sub(self._vendor, text)))
        fresh.replace(path)

    def save(self, block: Block) -> None:
        """Write the file that a block is; where a gateway runs on it, wait until it has noticed."""
        management = self._runs.get(block.file)
        before = _reloaded_at(management) if management else None
        self.write(block.file, block.text)
        if management:
            eventually(
                lambda: _reloaded_at(management) != before,
                f"{block} is reloaded",
                within_s=ENOUGH_S,
            )

    def run(self, command: str) -> str:
        """Run a command; returns what it printed. Raises AssertionError when it fails."""
        if docker := DATABASE.fullmatch(command):
            self._serve_database(docker[1])
            return ""
        command = self._substituted(command)
        if made := MAKE_RUN.fullmatch(command):
            if self._quickstarted:  # Ctrl-C in the other terminal
                self.run('kill -INT "$quickstart"; wait "$quickstart"')
            self._quickstarted = True
            file = made["file"] or QUICKSTART
            started = f"{AT_TERMINAL} sluicegate quickstart {file}"
            command = f"{made['before']}{started} > quickstart.log 2>&1 &"
        if command.startswith("pip install "):
            self._install(command.split()[-2])
            return ""
        if re.search(r"\baccess\.log$", command):
            self._wait_for_the_log()
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{command}\nprintf '\\n%s%s\\n' '=== done ' $?\n".encode())
        self._bash.stdin.flush()
        printed, status = self._read(command)
        assert status == 0, f"exit status {status} of `{command}`, which printed:\n{printed}"
        if command.endswith("&"):
            self._wait_for(command)
            if "sluicegate quickstart" in command:
                self.run("quickstart=$!")
        return self._restored(printed)

    def close(self) -> None:
        """End the shell and everything that it started."""
        if self._vendors is not None:
            self._vendors.kill()
            self._vendors.wait()
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()
        if self._database is not None:
            self._database.stop()

    def _read(self, command: str) -> tuple[str, int]:
        assert self._bash.stdout is not None
        received = b""
        deadline = time.monotonic() + ENOUGH_S
        while (found := re.search(rb"\n=== done (\d+)\n\Z", received)) is None:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0 or not select.select([self._bash.stdout], [], [], wait_s)[0]:
                raise AssertionError(f"`{command}` does not end; so far:\n{received.decode()}")
            piece = os.read(self._bash.stdout.fileno(), 65536)
            assert piece, f"the shell ended in `{command}`:\n{received.decode()}"
            received += piece
        return received[: found.start()].decode().replace("\r\n", "\n"), int(found[1])

    def _wait_for(self, command: str) -> None:
        """Wait until what was started in the background serves."""
        started = GATEWAY.search(command)
        if started:
            file = started[2]
            text = (self.folder / file).read_text()
            if self._vendors is None and self._ports.get("vendors", "none") in text:
                self._play_vendors()
            written = yaml.safe_load(text)["management"]["listen"]
            management = int((started[1] or written).rpartition(":")[2])
            self._runs[file] = management
            eventually(lambda: _ready(management), f"ready: {command}", within_s=ENOUGH_S)
            return
        if "port-forward" in command:
            eventually((self._stand_ins / "ready").exists, "a gateway stands", within_s=ENOUGH_S)
        for port in re.findall(r"\b2\d{4}\b|\b3\d{4}\b", command):
            eventually(
                lambda port=port: listens(int(port)), f"{command} listens", within_s=ENOUGH_S
            )

    def _serve_database(self, wish: str) -> None:
        """Start, kill or start again the PostgreSQL that a page has in a container."""
        if self._database is None:
            self._database = Postgres(self.folder)
            self._ports["5432"] = str(self._database.port)
            self.run(f"PATH={self._database.programs}:$PATH")
        if wish == "kill":
            self._database.kill()
        else:
            self._database.start()

    def _vendor(self, found: re.Match[str]) -> str:
        """Lead a provider without a URL to examples/llm.py, which runs where a gateway asks it."""
        url = f"http://127.0.0.1:{self._ports_of('vendors')}{VENDOR_PATHS[found[1]]}"
        return f"{{kind: {found[1]}, url: '{url}', "

    def _play_vendors(self) -> None:
        port = self._ports_of("vendors")
        program = ROOT / "examples" / "llm.py"
        self._vendors = subprocess.Popen([sys.executable, str(program), port])
        eventually(lambda: listens(int(port)), "the vendors listen", within_s=ENOUGH_S)

    def _install(self, target: str) -> None:
        """Put the page's package where it says, as pip would, without a build or a registry."""
        project = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]
        named = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        self.write(f"{target}/page-1.0.dist-info/METADATA", named)
        points = [
            f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in held.items())
            for group, held in project["entry-points"].items()
        ]
        self.write(f"{target}/page-1.0.dist-info/entry_points.txt", "\n".join(points))
        for module in self.folder.glob("*.py"):
            self.write(f"{target}/{module.name}", module.read_text())

    def _wait_for_the_log(self) -> None:
        """Wait until the log has stood still for a moment: it is written beside the requests."""
        log = self.folder / "access.log"
        sizes: list[int] = []

        def quiet() -> bool:
            sizes.append(log.stat().st_size)
            last = sizes[-QUIET_LOOKS:]
            return len(last) == QUIET_LOOKS and 0 < last[0] == last[-1]

        what = "the access log is written"
        eventually(quiet, what, within_s=ENOUGH_S, every_s=LOOK_S)

    def _ports_of(self, written: str) -> str:
        if written not in self._ports:
            self._ports[written] = str(free_port())
            (self._stand_ins / "ports.json").write_text(json.dumps(self._ports))
        return self._ports[written]

    def _substituted(self, text: str) -> str:
        return PORTS.sub(lambda found: self._ports_of(found[1]), text)

    def _restored(self, text: str) -> str:
        for written, real in self._ports.items():
            text = re.sub(rf"(?<!\d){real}(?!\d)", written, text)
        return text


def _ready(management: int) -> bool:
    try:
        return get(management, "/actuator/health/readiness", host="127.0.0.1").status == 200
    except (OSError, EOFError):
        return False


def _reloaded_at(management: int) -> object:
    told = asked_until(
        lambda: json.loads(get(management, "/actuator/health", host="127.0.0.1").body),
        lambda found: "reload" in found,
        "the details of health are told",
        within_s=ENOUGH_S,
    )
    return told["reload"]["at"]


def play(page: Path, shell: Shell) -> Iterator[tuple[Block, Command, str]]:
    """Go through a page as a reader does: write its files, run its commands; gives each output."""
    for block in blocks(page):
        if block.language in ("yaml", "yaml fault", "yaml values", "python", "toml"):
            shell.save(block)
        elif block.language == "console":
            for command in commands(block):
                yield block, command, shell.run(command.text)
