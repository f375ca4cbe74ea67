"""How long slow clients are borne."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from sluicegate.errors import CLIENT_TIMEOUT
from sluicegate.settings import Http
from sluicegate.wire.http1.patience import RATE_GRACE_S, Patience, peer_closed
from support.exchanges import body


def test_a_body_that_is_silent_for_too_long_is_given_up() -> None:
    patience, slow = Patience(Http(min_body_rate=0)), body(length=100)
    for second in range(59):
        assert patience.with_sender(slow, second) is None
    slow.feed(b"a")
    for second in range(59, 119):
        assert patience.with_sender(slow, second) is None
    refused = patience.with_sender(slow, 119)
    assert refused is not None
    assert refused.problem is CLIENT_TIMEOUT


@pytest.mark.parametrize(("rate", "borne"), [(240, True), (239, False)])
def test_a_body_below_the_minimum_rate_is_given_up_after_a_grace(rate: int, borne: bool) -> None:  # noqa: FBT001 - a table
    patience, slow = Patience(Http()), body()
    for second in range(RATE_GRACE_S):
        assert patience.with_sender(slow, second) is None
    for second in range(RATE_GRACE_S, 100):
        slow.feed(b"a" * rate)
        refused = patience.with_sender(slow, second)
        assert (refused is None) is borne


def test_a_client_that_takes_nothing_is_cut_and_one_that_takes_a_little_is_not() -> None:
    patience = Patience(Http())
    for second in range(60):
        assert not patience.with_reader(1000, second)
    assert patience.with_reader(1000, 60)
    patience = Patience(Http())
    for second in range(200):
        assert not patience.with_reader(1000 - second // 50, second)


def test_the_kernel_tells_of_a_peer_that_has_closed_behind_unread_bytes() -> None:
    class Transport:
        def __init__(self, sock: socket.socket | None) -> None:
            self.sock = sock

        def get_extra_info(self, _: str) -> socket.socket | None:
            return self.sock

    def of(sock: socket.socket | None) -> Any:
        return Transport(sock)

    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            near = socket.create_connection(server.getsockname())
            far, _ = server.accept()
            with near, far:
                near.sendall(b"unread")
                assert not peer_closed(of(far))
                near.shutdown(socket.SHUT_WR)
                assert peer_closed(of(far))
        assert peer_closed(of(far))  # no socket any more
        assert not peer_closed(of(None))

    asyncio.run(work())
