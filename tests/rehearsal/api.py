"""A small part of the Kubernetes API, to read: list and watch, as kubectl asks for them.

It is there for who wants to look at a rehearsal while it runs. Source: Kubernetes documentation,
"Kubernetes API Concepts", "Efficient detection of changes". Plain HTTP without authentication, on
loopback.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from rehearsal.objects import Change, Gone, Manifest, Objects, labels, name_of

VERSION = {"major": "1", "minor": "32", "gitVersion": "v1.32.0", "platform": "linux/amd64"}

PLURALS = {
    "pods": ("v1", "Pod"),
    "services": ("v1", "Service"),
    "endpoints": ("v1", "Endpoints"),
    "nodes": ("v1", "Node"),
    "configmaps": ("v1", "ConfigMap"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "horizontalpodautoscalers": ("autoscaling/v2", "HorizontalPodAutoscaler"),
    "poddisruptionbudgets": ("policy/v1", "PodDisruptionBudget"),
    "ingresses": ("networking.k8s.io/v1", "Ingress"),
    "jobs": ("batch/v1", "Job"),
}
"""What is answered; Secrets are not."""

WITHOUT_NAMESPACE = {"nodes"}


def _resources(group: str) -> Manifest:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group,
        "resources": [
            {
                "name": plural,
                "singularName": kind.lower(),
                "kind": kind,
                "namespaced": plural not in WITHOUT_NAMESPACE,
                "verbs": ["get", "list", "watch"],
            }
            for plural, (version, kind) in PLURALS.items()
            if version == group
        ],
    }


def discovery() -> dict[str, Manifest]:
    """Return what clients ask first, by path: the groups, and the kinds of each."""
    groups = sorted({version for version, _ in PLURALS.values()})
    named = [
        {
            "name": group.partition("/")[0],
            "versions": [{"groupVersion": group, "version": group.partition("/")[2]}],
        }
        for group in groups
        if group != "v1"
    ]
    return {
        "/version": VERSION,
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": named},
        "/api/v1": _resources("v1"),
        **{f"/apis/{group}": _resources(group) for group in groups if group != "v1"},
    }


LONGEST_WATCH_S = 300.0


class Problem(Exception):
    """A request that is not answered: HTTP status, reason, message."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason

    def body(self) -> Manifest:
        """Return the `Status` object."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
            "code": self.status,
        }


class Api:
    """The server. `port` is a loopback port after `start`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._discovery = discovery()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Where this machine reaches it."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End every watch and listen no more."""
        if self._server is not None:
            self._server.close()
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    method, target, _ = head.split("\r\n", 1)[0].split(" ")
                    await self._answer(method, target, reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(
        self,
        method: str,
        target: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        parts = urlsplit(target)
        given = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        try:
            if method != "GET":
                _send(writer, 405, Problem(405, "MethodNotAllowed", "this API is to read").body())
            elif parts.path in self._discovery:
                _send(writer, 200, self._discovery[parts.path])
            else:
                plural, name = _place(parts.path, self._objects.namespace)
                if name is None and given.get("watch", "0") in {"1", "true"}:
                    await self._watch(plural, given, reader, writer)
                else:
                    _send(writer, 200, self._read(plural, name, given))
        except Problem as problem:
            _send(writer, problem.status, problem.body())
        await writer.drain()

    def _read(self, plural: str, name: str | None, given: Mapping[str, str]) -> Manifest:
        version, kind = PLURALS[plural]
        if name is not None:
            found = self._objects.find(kind, name)
            if found is None:
                raise Problem(404, "NotFound", f'{plural} "{name}" not found')
            return found
        return {
            "kind": f"{kind}List",
            "apiVersion": version,
            "metadata": {"resourceVersion": str(self._objects.version)},
            "items": [each for each in self._objects.all(kind) if _wanted(each, given)],
        }

    async def _watch(
        self,
        plural: str,
        given: Mapping[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Send changes as lines of JSON in chunks until the time is over or the client goes."""
        kind = PLURALS[plural][1]
        since = given.get("resourceVersion", "")
        until = float(given.get("timeoutSeconds", LONGEST_WATCH_S))
        try:
            opened = self._objects.watched(
                kind, since=int(since) if since not in {"", "0"} else None
            )
            with opened as watch:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                )
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(until, LONGEST_WATCH_S)):
                        while not reader.at_eof():
                            change = await watch.queue.get()
                            if _wanted(change.manifest, given):
                                _chunk(writer, _event(change))
                                await writer.drain()
                writer.write(b"0\r\n\r\n")
        except Gone:
            raise Problem(410, "Expired", f"resourceVersion {since} is too old") from None


def _place(path: str, namespace: str) -> tuple[str, str | None]:
    """Return (plural, name or None) of a path; another namespace has nothing."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    group = "v1" if parts[0] == "api" else "/".join(parts[1:3])
    if len(rest) >= 2 and rest[0] == "namespaces":
        if rest[1] != namespace:
            raise Problem(404, "NotFound", f"there is no namespace {rest[1]!r}")
        rest = rest[2:]
    known = bool(rest) and rest[0] in PLURALS and PLURALS[rest[0]][0] == group
    if not known or len(rest) > 2:
        raise Problem(404, "NotFound", f"there is no {path}")
    return rest[0], rest[1] if len(rest) > 1 else None


def _wanted(manifest: Manifest, given: Mapping[str, str]) -> bool:
    """Apply labelSelector and fieldSelector: equalities of labels, and of metadata.name."""
    for part in filter(None, given.get("labelSelector", "").split(",")):
        key, equal, value = part.partition("=")
        if not equal or key.endswith("!") or " " in part:
            raise Problem(400, "BadRequest", f"a label selector of equalities, not {part!r}")
        if labels(manifest).get(key) != value.removeprefix("="):
            return False
    for part in filter(None, given.get("fieldSelector", "").split(",")):
        key, _, value = part.partition("=")
        if key != "metadata.name":
            raise Problem(400, "BadRequest", f"a field selector of metadata.name, not {part!r}")
        if name_of(manifest) != value.removeprefix("="):
            return False
    return True


def _event(change: Change) -> bytes:
    return json.dumps({"type": change.what, "object": change.manifest}).encode() + b"\n"


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))


def _send(writer: asyncio.StreamWriter, status: int, body: Manifest) -> None:
    data = json.dumps(body).encode()
    writer.write(
        b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (status, len(data), data)
    )
