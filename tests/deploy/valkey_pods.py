"""The chart's Valkey pods as processes: its rendered scripts, configuration and environment.

    with valkey_pods(tmp_path) as pods:
        pods.begin()                     # all three; `until(pods.settled, pods)`
        pods.crash(0, "valkey")          # SIGKILL of a container; `start` starts it again
        pods.lose(0)                     # its node is gone: address and name, too
        pods.delete(0)                   # preStop, then SIGTERM to both containers
        pods.begin(0)                    # the pod is back, at another address

Each pod is a network namespace with a name. Programs are Debian's redis-server and redis-cli under
the names that they have in the image of Valkey. Roots are the machine's: only folders are mounted.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from deploy.valkey_answers import Place, answer
from rehearsal.network import Network, Station
from support.helm import LEAST, Manifest, one, pod_of, render

PODS = ("valkey-0", "valkey-1", "valkey-2")
CONTAINERS = ("valkey", "sentinel")
SECRETS = {"state-password": 'of the "gateway"\\', "valkey-password": "of 'Valkey'\\\""}
"""What has to be quoted is among them."""
PROGRAMS = {"valkey-server": "redis-server", "valkey-cli": "redis-cli"}
MOUNTED = """\
set -eu
mount -t tmpfs tmpfs /run
mkdir -p /run/valkey /run/secrets/valkey-tls
mount --bind "$1/run" /run/valkey
mount --bind "$1/tls" /run/secrets/valkey-tls
shift
exec "$@"
"""
ASKED = 'set -eu; . "{scripts}/known.sh"; {asks}'


class ValkeyPods:
    """Three pods of the StatefulSet; `begin` starts them."""

    def __init__(
        self, folder: Path, manifests: Sequence[Manifest], network: Network, loop: asyncio.Runner
    ) -> None:
        self.folder = folder
        self.manifests = manifests
        self.stations: dict[str, Station] = {}
        self._network = network
        self._loop = loop
        self._running: dict[tuple[int, str], subprocess.Popen[bytes]] = {}
        pod = pod_of(one(manifests, "StatefulSet", "valkey"))
        assert pod is not None
        self.containers = {each["name"]: each for each in pod["spec"]["containers"]}
        self.scripts = folder / "scripts"
        self.scripts.mkdir(parents=True)
        for name, text in one(manifests, "ConfigMap", "valkey")["data"].items():
            (self.scripts / name).write_text(text)
        self._programs = folder / "programs"
        self._programs.mkdir()
        for ours, theirs in PROGRAMS.items():
            found = shutil.which(theirs)
            assert found, f"{theirs} is not installed: scripts/install-debian.sh"
            (self._programs / ours).symlink_to(found)

    def attach(self, name: str) -> Station:
        """Give a pod or a client a place on the network, at a new address."""
        self.stations[name] = station = self._loop.run(self._network.attach(name))
        self._network.publish(f"{name}.valkey", [station.address])
        return station

    def _place(self, pod: str) -> None:
        self.attach(pod)
        shutil.rmtree(self.folder / pod / "run", ignore_errors=True)
        for name in ("data", "run", "tls"):
            (self.folder / pod / name).mkdir(parents=True, exist_ok=True)
        self.certify(pod)

    def _unplace(self, ordinal: int) -> None:
        pod = PODS[ordinal]
        self._network.publish(f"{pod}.valkey", [])
        self._loop.run(self.stations.pop(pod).detach())

    def certify(self, pod: str) -> None:
        """Write the Secret of certificates into a pod's folder, where there is one."""
        for secret in self.manifests:
            if secret["kind"] == "Secret" and secret["metadata"]["name"] == "valkey-tls":
                for name, value in secret["data"].items():
                    (self.folder / pod / "tls" / name).write_bytes(base64.b64decode(value))

    def environment(self, pod: str, container: str) -> dict[str, str]:
        """Return what the manifest gives a container."""
        found = {"PATH": f"{self._programs}:{os.environ['PATH']}"}
        for entry in self.containers[container]["env"]:
            source = entry.get("valueFrom", {})
            if "value" in entry:
                found[entry["name"]] = entry["value"]
            elif "fieldRef" in source:
                found[entry["name"]] = pod
            elif (key := source["secretKeyRef"]["key"]) in SECRETS:
                found[entry["name"]] = SECRETS[key]
        return {**found, "VALKEY_DATA": str(self.folder / pod / "data")}

    def command(self, pod: str, argv: Sequence[str]) -> list[str]:
        """Return a command line that runs `argv` in a pod."""
        here = [each.replace("/opt/valkey", str(self.scripts)) for each in argv]
        inside = ["sh", "-c", MOUNTED, "sh", str(self.folder / pod), *here]
        return self.stations[pod].command(inside)

    def start(self, ordinal: int, container: str) -> None:
        """Start a container, as the kubelet does after it ended."""
        pod = PODS[ordinal]
        with (self.folder / f"{pod}-{container}.log").open("ab") as log:
            self._running[ordinal, container] = subprocess.Popen(
                self.command(pod, self.containers[container]["command"]),
                env=self.environment(pod, container),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def begin(self, *ordinals: int) -> None:
        """Start both containers of these pods, or of all."""
        for ordinal in ordinals or range(len(PODS)):
            if PODS[ordinal] not in self.stations:
                self._place(PODS[ordinal])
            for container in CONTAINERS:
                self.start(ordinal, container)

    def mend(self) -> None:
        """Start whatever a test has left ended."""
        for ordinal, pod in enumerate(PODS):
            if pod not in self.stations:
                self._place(pod)
            for container in CONTAINERS:
                process = self._running.get((ordinal, container))
                if process is None or process.poll() is not None:
                    self.start(ordinal, container)

    def crash(self, ordinal: int, *containers: str) -> None:
        """End containers (all, where none is named) by SIGKILL."""
        for container in containers or CONTAINERS:
            self._end(ordinal, container, signal.SIGKILL)

    def lose(self, ordinal: int) -> None:
        """Take a pod away as its node is lost: nothing is said, its name means nothing any more."""
        self.crash(ordinal)
        self._unplace(ordinal)

    def delete(self, ordinal: int) -> None:
        """End a pod as Kubernetes does: the Sentinel at once, the server after its preStop."""
        self._end(ordinal, "sentinel", signal.SIGTERM)
        hook = self.containers["valkey"]["lifecycle"]["preStop"]["exec"]["command"]
        self.run(ordinal, hook)
        self._end(ordinal, "valkey", signal.SIGTERM)
        self._unplace(ordinal)

    def forget(self, ordinal: int) -> None:
        """Take a pod's volume away."""
        shutil.rmtree(self.folder / PODS[ordinal] / "data")
        (self.folder / PODS[ordinal] / "data").mkdir()

    def _end(self, ordinal: int, container: str, number: signal.Signals) -> None:
        process = self._running.pop((ordinal, container), None)
        if process is not None:
            process.send_signal(number)
            process.wait(20)

    def run(self, ordinal: int, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the container `valkey`, as probes and hooks are."""
        pod = PODS[ordinal]
        return subprocess.run(
            self.command(pod, argv),
            env=self.environment(pod, "valkey"),
            capture_output=True,
            text=True,
            timeout=45,  # what a pod is given to end
            check=False,
        )

    def asked(self, ordinal: int, asks: str) -> list[str]:
        """Return the lines that a shell line prints, with the functions of known.sh."""
        line = ASKED.format(scripts=self.scripts, asks=asks)
        return self.run(ordinal, ["sh", "-c", line]).stdout.splitlines()

    def probe(self, ordinal: int, container: str, which: str) -> bool:
        """Ask a probe of the manifest: `livenessProbe`, `readinessProbe`."""
        command = self.containers[container][which]["exec"]["command"]
        return self.run(ordinal, command).returncode == 0

    def role(self, ordinal: int) -> str:
        """Return what a server says it is: `master`, `slave`, or `` where it does not answer."""
        found = self._answer(ordinal, 6379, "operator", "ROLE")
        return str(found[0]) if isinstance(found, list) else ""

    def named(self, ordinal: int) -> str:
        """Return the primary that a pod's Sentinel names: `2 valkey-1.valkey` since epoch 2."""
        found = self._answer(ordinal, 26379, "sentinel", "SENTINEL", "MASTER", "limits")
        if not isinstance(found, list):
            return ""
        fields = dict(zip(found[::2], found[1::2], strict=True))
        return f"{fields['config-epoch']} {fields['ip']}"

    def _answer(self, ordinal: int, port: int, user: str, *command: str) -> Any:
        pod = PODS[ordinal]
        if pod not in self.stations:
            return None
        ca = self.folder / pod / "tls" / "ca.crt"
        password = SECRETS["valkey-password"]
        place = Place(self.stations[pod], f"{pod}.valkey", password, ca if ca.exists() else None)
        return answer(place, port, user, command)

    def settled(self, *ordinals: int) -> int | None:
        """Return the ordinal of the one primary that all these pods agree on, or None."""
        pods = ordinals or tuple(range(len(PODS)))
        name = self.named(pods[0]).partition(" ")[2]
        if not name or any(self.named(each).partition(" ")[2] != name for each in pods[1:]):
            return None
        primary = PODS.index(name.partition(".")[0])
        if self.primaries(*pods) != [primary]:
            return None
        ready = all(self.probe(each, c, "readinessProbe") for each in pods for c in CONTAINERS)
        return primary if ready else None

    def primaries(self, *ordinals: int) -> list[int]:
        """Return the pods that call themselves primary."""
        pods = ordinals or tuple(range(len(PODS)))
        return [each for each in pods if self.role(each) == "master"]

    def logs(self, last: int = 0) -> str:
        """Return what all containers wrote, or the `last` characters of each."""
        found = sorted(self.folder.glob("*.log"))
        return "\n".join(f"== {file.name}\n{file.read_text()[-last:]}" for file in found)

    def end(self) -> None:
        """Kill what runs."""
        for ordinal, container in list(self._running):
            with suppress(subprocess.TimeoutExpired):
                self._end(ordinal, container, signal.SIGKILL)


def until(condition: Any, pods: ValkeyPods, *, within_s: float = 90) -> Any:
    """Return the first answer of `condition()` that is not None and not False.

    Two Sentinels that vote for themselves try again after 10 s, and one that had no CPU for 2 s
    chooses nobody for 30 s: a busy machine has both.
    """
    deadline = time.monotonic() + within_s
    while (found := condition()) is None or found is False:
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s\n{pods.logs(2000)}")
        time.sleep(0.2)
    return found


@contextmanager
def valkey_pods(folder: Path, values: dict[str, Any] | None = None) -> Iterator[ValkeyPods]:
    """Render the chart with `values`, and hold its Valkey pods ready to be started."""
    given = {**LEAST, **(values or {})}
    network = Network(folder / "network")
    with asyncio.Runner() as loop:
        loop.run(network.__aenter__())
        pods = ValkeyPods(folder / "pods", render((), given), network, loop)
        try:
            yield pods
        finally:
            pods.end()
            loop.run(network.__aexit__(None, None, None))
