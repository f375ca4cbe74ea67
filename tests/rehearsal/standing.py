"""A small cluster to test the controllers with, and manifests of a program that answers."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from rehearsal.cluster import Cluster
from rehearsal.images import Image
from rehearsal.network import Station
from rehearsal.objects import Manifest

PROGRAM = Path(__file__).with_name("answering.py")
LABELS = {"app": "echo"}
OFTEN = {"periodSeconds": 0.1, "timeoutSeconds": 20}
"""For a probe: nobody waits longer than the program takes, and a busy machine fails none."""
AT_ONCE: Manifest = {"lifecycle": {}}
"""For a container that nobody asks while it ends."""
TABLE = {
    "echo": Image(
        command=("python3", str(PROGRAM), "8080"),
        uid=10_001,
        gid=10_001,
        files={"/usr/local/bin/python3": str(Path(sys.executable).resolve())},
        trees=(Path(sys.prefix), Path(sys.base_prefix), PROGRAM.parent),
    )
}


@asynccontextmanager
async def cluster(folder: Path, **options: Any) -> AsyncIterator[Cluster]:
    """Run a cluster of three nodes that knows one image; what fails behind is raised at the end."""
    given = {"endpoint_delay_s": 0.1, "files_delay_s": 0.05, "pace": 0.01, "table": TABLE}
    async with Cluster(folder, **{**given, **options}) as running:
        yield running
        running.check()


def container(**more: Any) -> Manifest:
    """Return a container that answers on 8080 and is ready when `/ready` says so."""
    return {
        "name": "echo",
        "image": "echo:1",
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, **OFTEN},
        "resources": {"requests": {"cpu": "100m", "memory": "32Mi"}},
        **more,
    }


def pod(container: Manifest, **more: Any) -> Manifest:
    """Return a pod template that ends two seconds after it was told to."""
    lifecycle = {"preStop": {"exec": {"command": ["sleep", "2"]}}}
    return {
        "metadata": {"labels": dict(LABELS)},
        "spec": {
            "containers": [{"lifecycle": lifecycle, **container}],
            "terminationGracePeriodSeconds": 10,
            **more,
        },
    }


def workload(
    kind: str = "Deployment", name: str = "echo", replicas: int = 3, **env: str
) -> Manifest:
    """Return a Deployment or StatefulSet of the program."""
    environ = [{"name": key, "value": value} for key, value in env.items()]
    spec: Manifest = {
        "replicas": replicas,
        "selector": {"matchLabels": dict(LABELS)},
        "template": pod(container(env=environ)),
    }
    if kind == "StatefulSet":
        spec["serviceName"] = name
    else:
        spec["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def service(name: str = "echo", **more: Any) -> Manifest:
    """Return a Service of the program on port 80."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    spec = {"selector": dict(LABELS), "ports": ports, **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ingress(host: str = "echo.example.com", secret: str = "", **notes: str) -> Manifest:
    """Return an Ingress of the Service; annotations are those of ingress-nginx."""
    backend = {"service": {"name": "echo", "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec: Manifest = {"rules": [{"host": host, "http": {"paths": [path]}}]}
    if secret:
        spec["tls"] = [{"hosts": [host], "secretName": secret}]
    prefix = "nginx.ingress.kubernetes.io/"
    annotations = {prefix + key.replace("_", "-"): value for key, value in notes.items()}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "echo", "annotations": annotations},
        "spec": spec,
    }


async def ask(
    station: Station,
    host: str,
    port: int = 80,
    path: str = "/",
    *,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    **tls: Any,
) -> tuple[int, str]:
    """Ask once over a connection of its own; return status and body. Raises `OSError`."""
    given = {"host": host, "connection": "close", "content-length": "0", **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    reader, writer = await station.connect(tls.pop("address", host), port, **tls)
    try:
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
    finally:
        writer.close()
    if not answer:
        raise ConnectionError("no answer")
    start, _, body = answer.decode().partition("\r\n\r\n")
    return int(start.split(" ")[1]), body


class Callers:
    """Calls again and again until the block is left; `seen` counts statuses and failures."""

    def __init__(self, station: Station, host: str, **asked: Any) -> None:
        self.seen: Counter[str] = Counter()
        self._asked = (station, host)
        self._options = asked
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.ensure_future(self._call())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _call(self) -> None:
        while True:
            try:
                status, _ = await ask(*self._asked, **self._options)
                self.seen[str(status)] += 1
            except OSError as error:
                self.seen[type(error).__name__] += 1
            await asyncio.sleep(0.02)
