"""More requests than a service takes: who waits, who goes first, who is refused, what it sees."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.front import Front, front, opened, settles
from support.mock_clock import MockClock
from support.raw_http import Connection
from support.upstreams import Talk, echo, response

FULL = "too many requests are waiting for the service"
LATE = "the service had no room for the request in time"
PRIORITY = {"priority": {"header": "x-priority", "at_most": "critical"}}
MANY = 40


@dataclass
class Scene:
    """A gateway before an upstream that answers a request once its gate is opened."""

    stack: ExitStack
    gates: dict[str, threading.Event] = field(default_factory=lambda: defaultdict(threading.Event))
    clients: dict[str, Connection] = field(default_factory=dict)
    at: Front = field(init=False)

    async def script(self, talk: Talk) -> None:
        while True:
            received = await talk.request()
            path = received.line.split(b" ")[1].decode()
            await opened(self.gates[path.strip("/")])
            await talk.send(response(body=path.encode()))

    def ask(self, name: str, priority: str = "normal") -> None:
        """Send a request, and wait until the gateway has made up its mind about it."""
        client = self.clients[name] = self.stack.enter_context(self.at.connect())
        before = self.decided
        client.send(f"GET /{name} HTTP/1.1\r\nHost: a\r\nX-Priority: {priority}\r\n\r\n".encode())
        self.at.wait(lambda: self.decided > before, f"{name} is in, waits or is refused")

    def finish(self, name: str) -> None:
        """Let the upstream answer, and wait until the client has it."""
        self.at.wait(lambda: name in self.reached, f"{name} is at the upstream")
        self.gates[name].set()
        assert self.clients.pop(name).answer().body == f"/{name}".encode()

    def refused(self, name: str, detail: str) -> None:
        """Take the answer to a request that the gateway has refused."""
        got = self.clients.pop(name).answer()
        told = json.loads(got.body)
        assert (got.status, told["type"]) == (503, "urn:sluicegate:problem:overloaded")
        assert (got.get("retry-after"), told["detail"]) == ("1", detail)

    @property
    def reached(self) -> list[str]:
        """Requests that are at the upstream, or were, in order."""
        return [each.line.split(b" ")[1].decode().strip("/") for each in self.at.upstream.requests]

    @property
    def decided(self) -> float:
        return len(self.reached) + self.number("queue_waiting") + self.number("shed_total")

    def number(self, family: str, *labels: str) -> float:
        return self.at.plane.counted(f"sluicegate_{family}", "up", *labels)

    def calm(self) -> None:
        """Assert that nothing is held any more."""
        settles(self.at)
        assert self.number("concurrency_in_use") == self.number("queue_waiting") == 0


@contextmanager
def scene(folder: Path, clock: MockClock | None = None, **concurrency: Any) -> Iterator[Scene]:
    with ExitStack() as stack:
        made = Scene(stack)
        service = {"concurrency": {"limit": 1, "queue": {"time": "20s"}, **concurrency}}
        made.at = stack.enter_context(
            front(folder, made.script, clock=clock, service=service, route={"policies": [PRIORITY]})
        )
        yield made
        made.calm()


CASES: dict[str, tuple[Sequence[tuple[str, str]], Sequence[str], Sequence[str]]] = {
    # who comes beside one that is in, with room for two to wait; who is served then; who is not
    "equals are served in turn": ([("a", "normal"), ("b", "normal")], "ab", ""),
    "the more important is served first": ([("a", "low"), ("b", "high")], "ba", ""),
    "of equals the last one is refused": ([("a", "low"), ("b", "low"), ("c", "low")], "ab", "c"),
    "the least important is refused": ([("a", "low"), ("b", "high"), ("c", "normal")], "bc", "a"),
    "the newest of them": ([("a", "low"), ("b", "low"), ("c", "critical")], "ca", "b"),
    "what is no level is normal": ([("a", "vip"), ("b", "low"), ("c", "normal")], "ac", "b"),
}


@pytest.mark.parametrize("case", CASES)
def test_in_a_full_queue_the_more_important_goes_first_and_the_less_important_goes(
    case: str, tmp_path: Path
) -> None:
    come, served, refused = CASES[case]
    with scene(tmp_path, queue={"time": "20s", "size": 2}) as at:
        at.ask("first", "low")
        for name, priority in come:
            at.ask(name, priority)
        for name in refused:
            at.refused(name, FULL)
        assert at.reached == ["first"]
        at.finish("first")
        for name in served:
            at.finish(name)
        assert at.reached == ["first", *served]
        assert at.number("shed_total", "full") == len(refused)


def test_who_has_waited_for_as_long_as_the_queue_allows_is_refused(tmp_path: Path) -> None:
    with scene(tmp_path, MockClock(), queue={"time": "1s"}) as at:
        at.ask("a")
        at.ask("b")
        at.at.advance(1)
        at.refused("b", LATE)
        assert at.number("shed_total", "normal", "late") == 1
        at.finish("a")
        assert at.reached == ["a"]


def test_who_goes_away_while_waiting_is_never_sent(tmp_path: Path) -> None:
    with scene(tmp_path) as at:
        for name in "abc":
            at.ask(name)
        at.clients.pop("b").sock.close()
        at.at.wait(lambda: at.number("queue_waiting") == 1, "one of them has left")
        at.finish("a")
        at.finish("c")
        assert at.reached == ["a", "c"]


def test_who_goes_away_while_being_served_makes_room(tmp_path: Path) -> None:
    with scene(tmp_path) as at:
        at.ask("a")
        at.ask("b")
        at.clients.pop("a").sock.close()
        at.finish("b")


def test_after_a_reload_those_who_wait_are_served(tmp_path: Path) -> None:
    with scene(tmp_path) as at:
        at.ask("a")
        at.ask("b")
        document = json.loads(at.at.plane.file.read_text())
        document["services"]["up"]["concurrency"]["limit"] = 2
        at.at.call(at.at.plane.apply(json.dumps(document)))
        at.ask("c")
        at.ask("d")
        at.ask("e")
        assert at.reached == ["a", "c", "d"]
        for name in "abcde":
            at.finish(name)
        assert at.number("concurrency_limit") == 2


def test_an_adaptive_limit_lets_a_healthy_service_serve_everyone(tmp_path: Path) -> None:
    service = {"concurrency": {"limit": "adaptive", "min": 2, "queue": {"time": "10s"}}}
    with front(tmp_path, echo, service=service) as at, ExitStack() as stack:
        clients = [stack.enter_context(at.connect()) for _ in range(MANY)]
        for _ in range(20):
            for client in clients:
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert {client.answer().status for client in clients} == {200}
        settles(at)
        assert at.plane.counted("sluicegate_shed_total") == 0
        assert at.plane.counted("sluicegate_concurrency_in_use") == 0
        assert at.plane.counted("sluicegate_concurrency_limit") >= 2
