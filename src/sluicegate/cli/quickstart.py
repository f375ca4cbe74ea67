"""`sluicegate quickstart`: a gateway, a service behind it and a key, in one command.

The gateway is the real one (`sluicegate run FILE`), in a process of its own; this one holds the
service that it calls and says what to try. The key is made on first use and kept. A configuration
of models alone needs no service: there is nothing to play.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from sluicegate.cli import quickstart_upstream
from sluicegate.clock import Clock
from sluicegate.errors import ConfigError, Fault, SluicegateError
from sluicegate.model.key import new_key
from sluicegate.settings import Settings, host_and_port
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.load import Loaded, load
from sluicegate.store.bootstrap import token_file

KEY_FILE = Path("../.sluicegate/quickstart.key")
"""From the configuration's folder; the configuration names the same file."""
SERVICE = "hello"
"""The service of the configuration that is played here."""
READY_POLL_S = 0.05
STOP_S = 10.0

WELCOME = """
  Sluicegate answers on http://{gateway}

    key   {key}
          (kept in {key_file})
{trying}
{changing}  Configuration: {file}    Metrics: http://{management}/actuator/prometheus
  Ctrl-C ends it.
"""

TRYING_SERVICE = """\
    try   curl -i -H 'X-API-Key: {key}' http://{gateway}/api/hello

  Without the header the answer is 401. Over the plan's limit it is 429:
          for i in $(seq 20); do curl -s -o /dev/null -w '%{{http_code}} ' \\
            -H 'X-API-Key: {key}' http://{gateway}/api/hello; done; echo
"""

TRYING_MODELS = """\
    try   curl http://{gateway}/v1/models -H 'Authorization: Bearer {key}'

  SDKs: base URL http://{gateway}/v1 for OpenAI's, http://{gateway} for Anthropic's and
  Google's, with this key.
"""

CHANGING = """\
  What you change while it runs is kept in {folder}, and is there again after a restart.
    try   {program} key list{options}
          (with the admin token in {token_file}; README.md goes on from here)

"""
USUAL_MANAGEMENT, USUAL_TOKEN_FILE = "127.0.0.1:9090", Path(".sluicegate/admin.token")
"""Where the command line looks unless told."""


class PortBusy(SluicegateError):
    """An address is taken by another program; the message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known before anything runs. Addresses are `host:port`.

    `upstream` is where the service is played, None where there are only models. `trying` says what
    to try, `changing` what can be changed while it runs; empty where there is no store.
    """

    file: Path
    key: str
    key_file: Path
    gateway: str
    management: str
    upstream: str | None
    trying: str
    changing: str


def quickstart(
    file: Annotated[Path, typer.Argument(help="Configuration.")] = Path("examples/quickstart.yml"),
) -> None:
    """Start a gateway with a service behind it and a key, and say what to try."""
    try:
        prepared = prepare(file, os.environ)
    except ConfigError as error:
        typer.echo(f"{file} cannot be used:\n{error}", err=True)
        raise typer.Exit(1) from None
    except PortBusy as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    raise typer.Exit(asyncio.run(serve(prepared)))


def prepare(file: Path, environ: Mapping[str, str]) -> Prepared:
    """Make the key if there is none, and read the addresses.

    Raises ConfigError, and PortBusy for the first address that is taken.
    """
    key_file = Path(os.path.relpath(file.parent / KEY_FILE))
    key = ensure_key(key_file)
    loaded = load(file, environ)
    gateway, management = loaded.settings.gateway.listen, loaded.settings.management.listen
    upstream = _target(loaded)
    require_free(gateway, "SLUICEGATE_GATEWAY_LISTEN")
    require_free(management, "SLUICEGATE_MANAGEMENT_LISTEN")
    if upstream is not None:
        require_free(upstream, f"`services.{SERVICE}.targets` in {file}")
    trying = TRYING_MODELS if upstream is None else TRYING_SERVICE
    trying = trying.format(key=key, gateway=gateway)
    changing = _changing(loaded.settings)
    return Prepared(file, key, key_file, gateway, management, upstream, trying, changing)


async def serve(prepared: Prepared) -> int:
    """Run until Ctrl-C or SIGTERM, or until the gateway ends by itself; returns the exit status."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = None
    if prepared.upstream is not None:
        server = await quickstart_upstream.start(*host_and_port(prepared.upstream))
    try:
        # In this process group, so that whatever ends the group ends it too. Ctrl-C reaches it from
        # the terminal and again from here; so close together, both are one wish to it.
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "sluicegate", "run", str(prepared.file)]
        )
        stopping = asyncio.create_task(stop.wait())
        welcoming = asyncio.create_task(_welcome(prepared))
        return await _until_either_ends(process, stopping, welcoming)
    finally:
        if server is not None:
            server.close()


async def _until_either_ends(
    process: asyncio.subprocess.Process,
    stopping: asyncio.Task[bool],
    welcoming: asyncio.Task[None],
) -> int:
    """Return 0 when asked to stop and all has ended, else what the gateway ended with."""
    ended = asyncio.create_task(process.wait())
    await asyncio.wait([ended, stopping], return_when=asyncio.FIRST_COMPLETED)
    welcoming.cancel()
    if not stopping.done():
        stopping.cancel()
        return ended.result()
    with suppress(ProcessLookupError):
        process.terminate()
    await asyncio.wait([ended], timeout=STOP_S)
    if not ended.done():
        process.kill()
        await ended
    return 0


def ensure_key(file: Path) -> str:
    """Return the key kept in `file`; the first time, make one that only this user can read."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as opened:
            opened.write(new_key("local") + "\n")
    return file.read_text().strip()


def require_free(address: str, setting: str) -> None:
    """Raise PortBusy, naming where to change it, when nobody could listen on `address`."""
    host, port = host_and_port(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortBusy(
                f"cannot listen on {address}: {error.strerror}. End what listens there, "
                f"or choose another address: {setting}"
            ) from error


def _changing(settings: Settings) -> str:
    """Say how what runs can be changed."""
    path = token_file(settings)
    if not settings.store.exists or path is None:
        return ""
    options = ""
    if settings.management.listen != USUAL_MANAGEMENT:
        options += f" --url http://{settings.management.listen}"
    if path != USUAL_TOKEN_FILE:
        options += f" --token-file {path}"
    return CHANGING.format(
        folder=settings.data_dir,
        program=os.path.relpath(Path(sys.executable).with_name("sluicegate")),
        options=options,
        token_file=path,
    )


def _target(loaded: Loaded) -> str | None:
    """Return where the configuration expects the service that is played here, None for models."""
    kinds = {kind for kind, _ in loaded.resources.items}
    if "model" in kinds and "service" not in kinds:
        return None
    try:
        service = decode("service", loaded.resources.items["service", SERVICE])
    except KeyError:
        message = f"expected a service `{SERVICE}`, which this command plays"
        raise ConfigError([Fault("services", 0, message)]) from None
    url = urlsplit(service.targets[0].url)
    return f"{url.hostname}:{url.port or 80}"


async def _welcome(prepared: Prepared) -> None:
    """Say what to try, once the gateway takes traffic."""
    clock = Clock()
    while not await _takes_traffic(prepared.gateway):
        await clock.sleep(READY_POLL_S)
    typer.echo(WELCOME.format(**asdict(prepared)))


async def _takes_traffic(address: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection(*host_and_port(address))
    except OSError:
        return False
    try:
        writer.write(b"GET /actuator/health/readiness HTTP/1.0\r\nHost: quickstart\r\n\r\n")
        return b" 200 " in await reader.readuntil(b"\r\n")
    except (OSError, EOFError):
        return False
    finally:
        writer.close()
