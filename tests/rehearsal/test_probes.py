"""What is believed of a container follows its probes as the kubelet counts them."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.network import Network
from rehearsal.probes import Belief, Prober, Timing
from support.certificates import Authority
from support.loops import run

Manifest = dict[str, Any]
ANSWERS = st.lists(st.booleans(), max_size=30)
COUNTS = st.integers(1, 5)


@given(ANSWERS, COUNTS, COUNTS, st.booleans())
def test_a_belief_is_what_the_last_long_enough_row_of_equal_answers_said(
    answers: list[bool],
    successes: int,
    failures: int,
    first: bool,  # noqa: FBT001 - drawn
) -> None:
    belief = Belief(Timing(successes=successes, failures=failures), good=first)
    for answer in answers:
        belief.heard(answer)
    expected = first
    for end in range(1, len(answers) + 1):
        for answer, needed in ((True, successes), (False, failures)):
            if answers[max(0, end - needed) : end] == [answer] * needed:
                expected = answer
    assert belief.good == expected


def test_a_probe_without_numbers_has_those_of_the_api() -> None:
    assert Timing.of({}) == Timing(0, 10, 1, 1, 3)
    asked = {"initialDelaySeconds": 2, "periodSeconds": 3, "timeoutSeconds": 4}
    assert Timing.of({**asked, "failureThreshold": 6}) == Timing(2, 3, 4, 1, 6)


class Answering:
    """A server in a pod that gives each caller the same answer; `heard` is what the last said."""

    def __init__(self, answer: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.heard = b""
        self._answer = answer
        self._tls = tls

    async def asked(self, folder: Path, probe: Manifest, timeout_s: float = 15) -> tuple[bool, str]:
        """Return what a prober says of it."""
        async with Network(folder) as network:
            pod, node = await network.attach("pod"), await network.attach("node")
            with pod.entered():
                sock = socket.create_server((pod.address, 8080))
            server = await asyncio.start_server(self._serve, sock=sock, ssl=self._tls)
            async with server:
                prober = Prober(node, pod.address, {"http": 8080}, echoed)
                return await prober.ask(probe, timeout_s)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard = await reader.readuntil(b"\r\n\r\n")
            writer.write(self._answer)
            if not self._answer:
                await reader.read()
        except (EOFError, OSError):
            pass
        finally:
            writer.close()


async def echoed(argv: Sequence[str], _timeout_s: float) -> tuple[int, str]:
    """A container in which every command ends with the status that its first word says."""
    return int(argv[0]), " ".join(argv)


def test_an_answer_below_400_is_well_and_hears_who_asks(tmp_path: Path) -> None:
    fields = [{"name": "X-Asked-By", "value": "probe"}]
    probe = {"httpGet": {"path": "/health", "port": "http", "httpHeaders": fields}}
    server = Answering(b"HTTP/1.1 302 Found\r\n\r\n")
    assert run(server.asked(tmp_path, probe)) == (True, "HTTP 302")
    head = server.heard.split(b"\r\n")
    assert head[:2] == [b"GET /health HTTP/1.1", b"Host: 10.244.0.1:8080"]
    assert b"X-Asked-By: probe" in head


def test_any_certificate_is_good_enough_for_a_probe(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue(["elsewhere.example"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pair.certificate, pair.key)
    probe = {"httpGet": {"port": 8080, "scheme": "HTTPS"}}
    server = Answering(b"HTTP/1.1 200 OK\r\n\r\n", tls)
    assert run(server.asked(tmp_path / "network", probe)) == (True, "HTTP 200")


@pytest.mark.parametrize(
    ("probe", "answer", "said"),
    [
        ({"httpGet": {"port": 8080}}, b"HTTP/1.1 503 No\r\n\r\n", "HTTP 503"),
        ({"httpGet": {"port": 8080}}, b"nonsense\r\n", "EOFError"),
        ({"httpGet": {"port": 9}}, b"", "ConnectionRefusedError"),
        ({"tcpSocket": {"port": 9}}, b"", "ConnectionRefusedError"),
        ({"exec": {"command": ["1", "alas"]}}, b"", "status 1: 1 alas"),
    ],
)
def test_a_bad_answer_or_none_is_not_well(
    tmp_path: Path, probe: Manifest, answer: bytes, said: str
) -> None:
    well, why = run(Answering(answer).asked(tmp_path, probe))
    assert not well
    assert why.startswith(said)


def test_who_does_not_answer_in_time_is_not_well(tmp_path: Path) -> None:
    asked = Answering(b"").asked(tmp_path, {"httpGet": {"port": 8080}}, 0.2)
    assert run(asked) == (False, "no answer within 0.2 s")


@pytest.mark.parametrize(
    "probe", [{"tcpSocket": {"port": "http"}}, {"exec": {"command": ["0", "fine"]}}]
)
def test_a_connection_or_a_command_can_be_asked_for(tmp_path: Path, probe: Manifest) -> None:
    assert run(Answering(b"").asked(tmp_path, probe))[0]


def test_a_probe_that_is_given_up_in_the_moment_of_its_answer_is_given_up(tmp_path: Path) -> None:
    async def work() -> None:
        async with Network(tmp_path) as network:
            answered = asyncio.Event()

            async def execute(_: Sequence[str], within_s: float) -> tuple[int, str]:
                async with asyncio.timeout(within_s):
                    await answered.wait()
                return 0, ""

            node = await network.attach("node")
            prober = Prober(node, node.address, {}, execute)
            for steps in range(5):
                answered.clear()
                asking = asyncio.ensure_future(prober.ask({"exec": {"command": ["true"]}}, 15))
                await asyncio.sleep(0.01)  # it waits for the answer
                answered.set()
                for _ in range(steps):
                    await asyncio.sleep(0)
                accepted = asking.cancel()
                await asyncio.wait([asking])
                assert asking.cancelled() == accepted

    run(work())
