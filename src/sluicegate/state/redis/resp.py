"""RESP2, the way commands and answers are written (https://valkey.io/topics/protocol/).

Commands are made by hand, once per group where possible. Answers are read by hiredis, which gives
errors as values: `Trouble` names those that say something of where or how the state is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import hiredis

TROUBLES: Final = frozenset(
    {
        "ASK",
        "BUSY",
        "CLUSTERDOWN",
        "LOADING",
        "MASTERDOWN",
        "MISCONF",
        "MOVED",
        "NOAUTH",
        "NOPERM",
        "NOREPLICAS",
        "NOSCRIPT",
        "OOM",
        "READONLY",
        "TRYAGAIN",
        "UNKILLABLE",
        "WRONGPASS",
    }
)
"""First words of errors that are known; every other one is `ERR`."""
_INNER: Final = re.compile(r"-([A-Z]+) ")


def bulk(text: bytes) -> bytes:
    """Write one argument."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


def command(*arguments: bytes | str | int) -> bytes:
    """Write a whole command."""
    written = [bulk(each if isinstance(each, bytes) else str(each).encode()) for each in arguments]
    return b"".join((b"*%d\r\n" % len(arguments), *written))


class Trouble:
    """An error that the server answered with: its first word, and the text after it.

    An error within a script is found in what the script's own error quotes (Redis 6).
    """

    __slots__ = ("text", "word")

    def __init__(self, error: hiredis.ReplyError) -> None:
        """Read it."""
        whole = str(error)
        word, _, self.text = whole.partition(" ")
        if word not in TROUBLES:
            inner = _INNER.search(whole)
            word = inner[1] if inner is not None and inner[1] in TROUBLES else "ERR"
        self.word = word

    def target(self) -> tuple[int, str, int]:
        """Return slot, host and port of a MOVED or ASK; the host is empty where it is the same.

        Raises ValueError where it is neither.
        """
        slot, _, where = self.text.partition(" ")
        host, _, port = where.rpartition(":")
        return int(slot), host, int(port)
