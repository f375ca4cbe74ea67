"""The real kubectl lists and watches what the controllers do."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rehearsal.api import Api
from rehearsal.objects import Objects
from support.loops import run

KUBECTL = Path(sys.prefix) / "bin" / "kubectl"


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "c"}], "nodeName": "node-1"},
        "status": {"phase": "Running", "podIP": "10.0.0.1"},
    }


@asynccontextmanager
async def api() -> AsyncIterator[tuple[Api, Objects]]:
    objects = Objects()
    server = Api(objects)
    await server.start()
    try:
        yield server, objects
    finally:
        await server.stop()


async def kubectl(server: Api, folder: Path, *argv: str) -> asyncio.subprocess.Process:
    command = [str(KUBECTL), "--server", server.url, "--cache-dir", str(folder / "cache"), *argv]
    return await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"HOME": str(folder), "KUBECONFIG": "/dev/null"},
    )


async def asked(server: Api, folder: Path, *argv: str) -> tuple[str, str]:
    """Return what kubectl wrote to stdout and stderr."""
    process = await kubectl(server, folder, *argv)
    out, errors = await process.communicate()
    return out.decode(), errors.decode()


def test_objects_are_listed_by_kind_label_and_name(tmp_path: Path) -> None:
    async def work() -> None:
        async with api() as (server, objects):
            objects.create(pod("a", app="echo"))
            objects.create(pod("b", app="other"))
            out, errors = await asked(
                server, tmp_path, "get", "pods", "-l", "app=echo", "-o", "json"
            )
            found = json.loads(out or errors)
            assert [each["metadata"]["name"] for each in found["items"]] == ["a"]
            out, _ = await asked(server, tmp_path, "get", "pods", "-o", "name")
            assert out.split() == ["pod/a", "pod/b"]
            out, _ = await asked(
                server, tmp_path, "get", "pod", "b", "-o", "jsonpath={.status.podIP}"
            )
            assert out == "10.0.0.1"

    run(work(), within_s=50)


def test_what_is_not_there_is_not_found_and_nothing_can_be_written(tmp_path: Path) -> None:
    async def work() -> None:
        async with api() as (server, _):
            _, errors = await asked(server, tmp_path, "get", "pod", "c")
            assert 'pods "c" not found' in errors
            _, errors = await asked(server, tmp_path, "get", "secrets")
            assert 'doesn\'t have a resource type "secrets"' in errors
            _, errors = await asked(server, tmp_path, "delete", "pod", "c")
            assert "this API is to read" in errors

    run(work(), within_s=50)


def test_a_watch_tells_each_change_as_it_happens(tmp_path: Path) -> None:
    async def work() -> None:
        async with api() as (server, objects):
            objects.create(pod("a"))
            watch = ["get", "pods", "--watch", "--output-watch-events", "-o"]
            path = "jsonpath={.type} {.object.metadata.name}{'\\n'}"
            process = await kubectl(server, tmp_path, *watch, path)
            assert process.stdout is not None

            async def line() -> list[str]:
                assert process.stdout is not None
                return (await process.stdout.readline()).decode().split()

            assert await line() == ["ADDED", "a"]
            objects.create(pod("b"))
            assert await line() == ["ADDED", "b"]
            objects.update("Pod", "a", status={"phase": "Failed"})
            assert await line() == ["MODIFIED", "a"]
            objects.delete("Pod", "b")
            assert await line() == ["DELETED", "b"]
            process.kill()
            await process.communicate()

    run(work(), within_s=50)
