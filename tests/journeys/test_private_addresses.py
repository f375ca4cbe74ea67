"""Where names of targets may lead: not to this machine and its network, unless told so."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest

from support.certificates import Authority, Pair
from support.front import Front, front
from support.loops import in_thread
from support.mock_clock import MockClock
from support.raw_http import Answer, ask
from support.upstreams import Upstream, answering, echo, response

GET = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"


class TlsUpstream(Upstream):
    """Echoes over TLS; `names` holds what each handshake asked for (SNI)."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(echo)
        self.names: list[str | None] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pair.certificate, pair.key)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._talk, "127.0.0.1", 0, limit=1 << 20, ssl=self._context
        )
        self.port = self._server.sockets[0].getsockname()[1]


def refused(answer: Answer) -> None:
    """Assert that the client is told no more than of any target that cannot be reached."""
    assert answer.status == 503
    assert json.loads(answer.body)["type"] == "urn:sluicegate:problem:upstream-unreachable"
    for told in (b"127.0.0", b"private", b"localhost"):
        assert told not in answer.body


def by_name(upstream: Upstream, name: str = "localhost") -> dict[str, object]:
    return {"targets": [f"http://{name}:{upstream.port}"]}


def details(at: Front) -> str:
    return "\n".join(str(line.get("detail", "")) for line in at.logs)


def test_a_name_that_leads_to_this_machine_is_refused_unless_told(tmp_path: Path) -> None:
    with in_thread(Upstream(echo)) as upstream:
        with front(tmp_path / "default", service=by_name(upstream)) as at:
            refused(ask(at.port, GET))
            assert at.plane.counted("sluicegate_addresses_refused_total") >= 1
            assert "127.0.0.1" in details(at)
            assert "gateway.private_networks" in details(at)
        assert upstream.connections == 0
        own = {"private_networks": ["127.0.0.0/8", "::1"]}
        with front(tmp_path / "told", gateway=own, service=by_name(upstream)) as at:
            assert ask(at.port, GET).status == 200
            assert at.plane.counted("sluicegate_addresses_refused_total") == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0"])
def test_an_address_that_only_the_system_reads_as_one_is_a_name(tmp_path: Path, host: str) -> None:
    with in_thread(Upstream(echo)) as upstream:
        with front(tmp_path, service=by_name(upstream, host)) as at:
            refused(ask(at.port, GET))
        assert upstream.connections == 0


def test_a_name_that_is_rebound_to_another_address_is_refused(tmp_path: Path) -> None:
    """127.0.0.1 plays the address that is allowed, 127.0.0.2 the one that is not."""
    answers = {"shop.example": ["127.0.0.1"]}

    async def look_up(host: str) -> list[str]:
        return answers[host]

    clock = MockClock()
    with (
        in_thread(Upstream(echo)) as upstream,
        front(
            tmp_path,
            clock=clock,
            gateway={"private_networks": ["127.0.0.1"]},
            service=by_name(upstream, "shop.example")
            | {"pool": {"max_idle": 0}, "retry": {"attempts": 1}},
        ) as at,
    ):
        at.plane.inner.resolver._look_up = look_up
        assert ask(at.port, GET).status == 200
        answers["shop.example"] = ["127.0.0.2"]
        at.advance(6)
        ask(at.port, GET)  # what is known is used once more, while the name is looked up again
        at.wait(
            lambda: at.plane.counted("sluicegate_addresses_refused_total"), "the answer is refused"
        )
        before = upstream.connections
        refused(ask(at.port, GET))
        assert upstream.connections == before
        assert "127.0.0.2" in details(at)


def test_tls_is_by_the_name_though_the_connection_is_to_the_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def look_up(_: str) -> list[str]:
        return ["127.0.0.1"]

    for name, status in (("shop.example", 200), ("other.example", 503)):
        with (
            in_thread(TlsUpstream(authority.issue(["shop.example"]))) as upstream,
            front(
                tmp_path / name,
                gateway={"private_networks": ["127.0.0.1"]},
                service={
                    "targets": [f"https://{name}:{upstream.port}"],
                    "tls": {"ca": str(authority.ca)},
                },
            ) as at,
        ):
            at.plane.inner.resolver._look_up = look_up
            assert ask(at.port, GET).status == status
            assert upstream.names[0] == name


def test_a_redirect_is_the_clients_to_follow(tmp_path: Path) -> None:
    with in_thread(Upstream(echo)) as inside:
        elsewhere = f"http://127.0.0.1:{inside.port}/secrets"
        moved = response(302, {"Location": elsewhere}, reason="Found")
        with front(tmp_path, answering(moved)) as at:
            answer = ask(at.port, GET)
            assert (answer.status, answer.get("location")) == (302, elsewhere)
        assert inside.connections == 0


def test_an_address_in_the_targets_url_needs_no_setting(tmp_path: Path) -> None:
    with front(tmp_path) as at:
        assert ask(at.port, GET).status == 200
