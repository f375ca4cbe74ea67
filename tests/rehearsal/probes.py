"""When a probe's answers change what is believed of a container, and how an answer is got.

The counting is that of the kubelet (pkg/kubelet/prober/worker.go, doProbe), the defaults are the
API's (core/v1 Probe): every 10 s, 1 s to answer, 3 failures, 1 success.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from rehearsal.network import Station

Manifest = dict[str, Any]
Execute = Callable[[Sequence[str], float], Awaitable[tuple[int, str]]]
LINE = 200
"""Characters of an answer that a report quotes."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and counts of one probe."""

    delay_s: float = 0
    period_s: float = 10
    timeout_s: float = 1
    successes: int = 1
    failures: int = 3

    @classmethod
    def of(cls, probe: Manifest) -> Self:
        return cls(
            delay_s=probe.get("initialDelaySeconds") or 0,
            period_s=probe.get("periodSeconds") or 10,
            timeout_s=probe.get("timeoutSeconds") or 1,
            successes=probe.get("successThreshold") or 1,
            failures=probe.get("failureThreshold") or 3,
        )


class Belief:
    """What is believed after the answers so far: changed by enough equal answers in a row."""

    def __init__(self, timing: Timing, *, good: bool) -> None:
        self.good = good
        self.decided = False
        """Whether answers, not the initial value, have made it what it is."""
        self._timing = timing
        self._last: bool | None = None
        self._run = 0

    def heard(self, answer: bool) -> bool:  # noqa: FBT001 - an answer is yes or no
        """Count an answer; returns whether the belief was settled by it, changed or confirmed."""
        self._run = self._run + 1 if answer == self._last else 1
        self._last = answer
        needed = self._timing.successes if answer else self._timing.failures
        if self._run < needed:
            return False
        self.good = answer
        self.decided = True
        return True


class Prober:
    """Asks a container. `execute` runs a command in it; `node` is where connections come from."""

    def __init__(
        self, node: Station, address: str, ports: Mapping[str, int], execute: Execute
    ) -> None:
        self._node = node
        self._address = address
        self._ports = ports
        self._execute = execute

    async def ask(self, probe: Manifest, timeout_s: float) -> tuple[bool, str]:
        """Ask once: whether it is well, and one line that says why. Never raises for an answer."""
        try:
            async with asyncio.timeout(timeout_s):  # `wait_for` can lose a cancellation
                return await self._ask(probe, timeout_s)
        except TimeoutError:
            return False, f"no answer within {timeout_s:g} s"
        except (OSError, EOFError, ValueError) as error:
            return False, f"{type(error).__name__}: {error}"

    async def _ask(self, probe: Manifest, timeout_s: float) -> tuple[bool, str]:
        if "exec" in probe:
            status, output = await self._execute(probe["exec"]["command"], timeout_s)
            return status == 0, f"status {status}: {output.strip()[:LINE]}"
        if "httpGet" in probe:
            status = await self.get(probe["httpGet"])
            return 200 <= status < 400, f"HTTP {status}"
        _, writer = await self._node.connect(self._address, self.port(probe["tcpSocket"]["port"]))
        writer.transport.abort()
        return True, "connected"

    def port(self, port: int | str) -> int:
        """Return a port by its number or by its name in the container's `ports`."""
        return self._ports[port] if isinstance(port, str) and not port.isdigit() else int(port)

    async def get(self, asked: Manifest) -> int:
        """GET and return the status; HTTPS is not verified, as by the kubelet."""
        port = self.port(asked["port"])
        tls: dict[str, Any] = {}
        if asked.get("scheme", "HTTP") == "HTTPS":
            tls = {"ssl": _unverified(), "server_hostname": self._address}
        reader, writer = await self._node.connect(self._address, port, **tls)
        try:
            fields = {"Host": f"{self._address}:{port}", "User-Agent": "kube-probe/1.32"}
            fields |= {"Accept": "*/*", "Connection": "close"}
            fields |= {each["name"]: each["value"] for each in asked.get("httpHeaders") or ()}
            lines = [f"GET {asked.get('path', '/')} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in fields.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            status = await reader.readline()
            await reader.read()
            return int(status.split()[1])
        except IndexError:
            raise EOFError("no answer") from None
        finally:
            writer.transport.abort()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
