"""Links to the state in a process of their own, so that a busy load does not slow them.

    python links.py TARGET_PORT COUNT      (tests on the path; told what to do by lines of JSON)

It prints the ports of the links, one line, and then `ok` after each command
`[[NUMBER, …], NAME, VALUE]`: a setting of `support.tcp_proxy.TcpProxy` and its value, or one of its
methods `heal`, `cut`, `go_down`, `come_up` and null. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys
from pathlib import Path

from support.tcp_proxy import TcpProxy

METHODS = {"heal", "cut", "go_down", "come_up"}
TESTS = Path(__file__).parents[1]


class Links:
    """The process, from outside: `links.ports[n]` leads to the target."""

    def __init__(self, target_port: int, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "truth.links", str(target_port), str(count)],
            cwd=TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.ports: list[int] = json.loads(self._line())

    def set(self, name: str, value: object, *numbers: int) -> None:
        """Set it, or call the method `name`, of these links; of all where there are none."""
        assert self._process.stdin is not None
        chosen = list(numbers or range(len(self.ports)))
        self._process.stdin.write(json.dumps([chosen, name, value]).encode() + b"\n")
        self._process.stdin.flush()
        assert self._line() == b"ok\n"

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


async def serve(target_port: int, count: int) -> None:
    """Forward until standard input ends."""
    links = [TcpProxy(target_port) for _ in range(count)]
    for link in links:
        await link.start()
    sys.stdout.write(json.dumps([link.port for link in links]) + "\n")
    sys.stdout.flush()
    while line := await asyncio.to_thread(sys.stdin.readline):
        numbers, name, value = json.loads(line)
        for number in numbers:
            if name in METHODS:
                called = getattr(links[number], name)()
                if inspect.isawaitable(called):
                    await called
            else:
                setattr(links[number], name, value)
        sys.stdout.write("ok\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
