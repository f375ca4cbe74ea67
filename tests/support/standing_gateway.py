"""One real gateway in the place of what a cluster or Compose would run.

Its configuration is the deployed one, with its environment and files. Other than there: addresses
are those of the page's ports, SQLite is in PostgreSQL's place and memory in Valkey's, one worker,
and names of services that are on no network here lead to examples/echo.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support.ports import eventually, free_port, listens

ECHO = Path(__file__).parents[2] / "examples/echo.py"
APPLICATION = "/etc/sluicegate/application.yml"
ADMIN = "/run/admin"
"""A volume of the compose file, where `migrate` leaves the first token."""
SERVERS = ("SLUICEGATE_STORE_", "SLUICEGATE_STATE_")
ENOUGH_S = 80


@dataclass(frozen=True)
class Deployed:
    """What a replica has: environment, and the texts of files by their paths."""

    folder: Path
    env: dict[str, str]
    files: dict[str, str]

    @classmethod
    def of_compose(cls, folder: Path, file: Path) -> Deployed:
        """Return what the service `gateway` of a compose file has."""
        model = yaml.safe_load(file.read_text())
        service = model["services"]["gateway"]
        files = {
            f"/run/secrets/{name}": (file.parent / model["secrets"][name]["file"]).read_text()
            for name in service["secrets"]
        }
        source = next(each for each in service["volumes"] if f":{APPLICATION}:" in each)
        files[APPLICATION] = (file.parent / source.partition(":")[0]).read_text()
        return cls(folder, dict(service.get("environment", {})), files)

    @property
    def ports(self) -> dict[str, int]:
        """What ports of the page stand for."""
        held = json.loads((self.folder / "ports.json").read_text())
        return {name: int(port) for name, port in held.items() if name.isdigit()}

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process in the replica; without what is of servers not here."""
        own = {name: self.placed(value) for name, value in self.env.items()}
        url = own.get("SLUICEGATE_ADMIN_URL", "http://127.0.0.1:9090")
        own["SLUICEGATE_ADMIN_URL"] = re.sub(r"\d+$", str(self.ports["9090"]), url)
        both = {**os.environ, **own}
        return {name: value for name, value in both.items() if not name.startswith(SERVERS)}

    def placed(self, text: str) -> str:
        """Return a text with paths of the container as paths of here."""
        for path in sorted({str(Path(path).parent) for path in self.files} | {ADMIN}):
            text = text.replace(f"{path}/", f"{self.folder}/root{path}/")
        return text


def stand(deployed: Deployed, *, serve: Sequence[int] = (), run: Sequence[str] = ()) -> None:
    """Start the gateway unless it runs; then run a command as in its container, or stay."""
    port, management = deployed.ports["8080"], deployed.ports["9090"]
    if not listens(management):
        _start(deployed)
    eventually(lambda: _ready(management), "the gateway is ready", within_s=ENOUGH_S)
    (deployed.folder / "ready").touch()
    if run:
        os.execvpe(run[0], [deployed.placed(each) for each in run], deployed.environment)
    for each in serve:
        assert each in (port, management), f"nothing is forwarded from {each}"
    while serve:
        time.sleep(60)


def fall(folder: Path) -> None:
    """End it, where it runs, and forget what it has stored."""
    file = folder / "pid"
    if not file.exists():
        return
    with suppress(ProcessLookupError):
        os.kill(int(file.read_text()), signal.SIGKILL)
    management = int(json.loads((folder / "ports.json").read_text())["9090"])
    eventually(lambda: not listens(management), "the gateway has ended", within_s=ENOUGH_S)
    for each in (file, folder / "ready"):
        each.unlink()
    shutil.rmtree(folder / "data")


def _ready(management: int) -> bool:
    """Say whether it is, by whichever of the two it speaks."""
    # Not at the top: most commands ask no gateway, and these are a fifth of a stand-in's start.
    import ssl  # noqa: PLC0415
    from http.client import HTTPException  # noqa: PLC0415
    from urllib.request import urlopen  # noqa: PLC0415

    # Not the default one: to read the system's authorities, which are of no use, takes 50 ms.
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    for scheme in ("https", "http"):
        url = f"{scheme}://127.0.0.1:{management}/actuator/health/readiness"
        with suppress(OSError, HTTPException), urlopen(url, context=trusting, timeout=5):
            return True
    return False


def _start(deployed: Deployed) -> None:
    root = deployed.folder / "root"
    application = yaml.safe_load(deployed.placed(deployed.files[APPLICATION]))
    files = {**deployed.files, APPLICATION: yaml.safe_dump(_moved(application, deployed))}
    for path, text in files.items():
        placed = root / path[1:]
        placed.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        placed.touch(mode=0o600)
        placed.write_text(text)
    (root / ADMIN[1:]).mkdir(parents=True, exist_ok=True, mode=0o700)
    with (deployed.folder / "gateway.log").open("wb") as log:
        command = ["sluicegate", "run", f"{root}{APPLICATION}"]
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=deployed.environment)  # fmt: skip
    (deployed.folder / "pid").write_text(str(started.pid))


def _moved(application: dict[str, Any], deployed: Deployed) -> dict[str, Any]:
    """Return the configuration as it can be run here."""
    ports = deployed.ports
    echo = free_port()
    command = [sys.executable, str(ECHO), str(echo)]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL)  # fmt: skip
    for service in application.get("services", {}).values():
        service["targets"] = [f"http://127.0.0.1:{echo}"]
    application["gateway"] |= {"listen": f"127.0.0.1:{ports['8080']}", "workers": 1}
    application["management"]["listen"] = f"127.0.0.1:{ports['9090']}"
    application.pop("state")
    keys = application.pop("store")["master_keys"]
    application["store"] = {"master_keys": keys}
    application["data_dir"] = str(deployed.folder / "data")
    return application
