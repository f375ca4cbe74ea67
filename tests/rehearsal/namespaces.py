"""Network namespaces without names: the kernel takes away one that nobody holds open any more.

A namespace is a file descriptor of this process. Other programs get to it by the path that
`path_of` gives, as `nsenter --net=PATH` and `ip link … netns PATH` take it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

NEW_NETWORK = 0x4000_0000
"""CLONE_NEWNET, linux/sched.h."""
OWN = "/proc/thread-self/ns/net"


def new_namespace() -> int:
    """Return a descriptor of a new network namespace; the thread stays where it is."""
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("unshare", NEW_NETWORK)
        try:
            return os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _call("setns", home, NEW_NETWORK)
    finally:
        os.close(home)


@contextmanager
def entered(namespace: int) -> Iterator[None]:
    """Let this thread be in a namespace: sockets and processes that it makes belong there."""
    home = os.open(OWN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _call("setns", namespace, NEW_NETWORK)
        try:
            yield
        finally:
            _call("setns", home, NEW_NETWORK)
    finally:
        os.close(home)


def path_of(namespace: int) -> str:
    """Return where other processes of root find a namespace that this process holds."""
    return f"/proc/{os.getpid()}/fd/{namespace}"


def _call(name: str, *args: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*args):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)} (a rehearsal runs as root)")
