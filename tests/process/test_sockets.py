from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from sluicegate.process.sockets import (
    CannotListen,
    address_of,
    bind,
    connections_wait,
)


def test_every_slot_listens_on_the_same_port() -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(sock) for sock in bind("127.0.0.1:0", 3)]
        assert len({sock.getsockname() for sock in sockets}) == 1
        assert len({sock.fileno() for sock in sockets}) == 3


def test_a_port_in_use_is_an_error_that_names_the_address() -> None:
    with bind("127.0.0.1:0")[0] as taken:
        listen = address_of(taken)
        with pytest.raises(CannotListen, match=rf"cannot listen on {listen}: .*in use"):
            bind(listen)


def test_the_port_of_another_gateway_is_in_use_although_both_share_ports() -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(sock) for sock in bind("127.0.0.1:0", 2)]
        with pytest.raises(CannotListen):
            bind(address_of(sockets[0]), 2)


def test_a_host_without_an_address_is_an_error_that_names_it() -> None:
    with pytest.raises(CannotListen, match=r"nowhere\.invalid:80"):
        bind("nowhere.invalid:80")


def test_an_address_in_brackets_is_ipv6() -> None:
    with bind("[::1]:0")[0] as sock:
        assert sock.family == socket.AF_INET6
        assert address_of(sock).startswith("[::1]:")


def test_an_empty_host_is_every_ipv4_address() -> None:
    with bind(":0")[0] as sock:
        assert address_of(sock).startswith("0.0.0.0:")


def test_a_connection_that_nobody_has_accepted_is_seen_in_the_queue() -> None:
    with bind("127.0.0.1:0")[0] as sock:
        assert not connections_wait(sock)
        with socket.create_connection(sock.getsockname()):
            assert connections_wait(sock)
