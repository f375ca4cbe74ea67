"""The loader process: reads and checks the configuration file when asked.

Parsing YAML of 10 000 routes holds the interpreter for a second; in a process of its own it stalls
nobody, and its memory goes away with it.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.errors import ConfigError
from sluicegate.process.channel import Frames, encode
from sluicegate.process.messages import Fetch, Loaded, Locate, Located, Unusable
from sluicegate.process.signals import leave_to_supervisor
from sluicegate.process.transfer import frames, pack_settings
from sluicegate.snapshot.load import load

if TYPE_CHECKING:
    from sluicegate.snapshot.document import Resources
    from sluicegate.snapshot.draft import Draft

READ_BYTES = 65536


class Loading:
    """Answers `Fetch`es; remembers what was sent last, so that only changes are sent."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        """Load `path`, with overrides and references from `environ`."""
        self._path = path
        self._environ = environ
        self._sent: Resources | None = None
        self._draft: Draft | None = None

    def answer(self, fetch: Fetch) -> list[bytes]:
        """Return the frames that answer one request."""
        try:
            loaded = load(self._path, self._environ)
        except ConfigError as error:
            return [encode(Unusable(error.faults))]
        pieces = frames(self._sent, loaded.resources, fetch.number)
        self._sent, self._draft = loaded.resources, loaded.draft
        first = Loaded(pack_settings(loaded.settings), loaded.source)
        return [encode(first), *(encode(piece) for piece in pieces)]

    def locate(self, locate: Locate) -> list[bytes]:
        """Return the frame that says where faults are which were found after loading."""
        if self._draft is None:
            return [encode(Located(locate.faults))]
        return [encode(Located([self._draft.locate(fault) for fault in locate.faults]))]


def serve(control: socket.socket, loading: Loading) -> None:
    """Answer until the other side closes. Blocking: there is nothing else to do meanwhile."""
    incoming = Frames()
    while data := control.recv(READ_BYTES):
        for message in incoming.feed(data):
            if isinstance(message, Fetch):
                control.sendall(b"".join(loading.answer(message)))
            elif isinstance(message, Locate):
                control.sendall(b"".join(loading.locate(message)))


def main() -> None:
    """Run as `python -m sluicegate.process.loader <control descriptor> <file>`."""
    leave_to_supervisor()
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control, Loading(Path(sys.argv[2]), os.environ))


if __name__ == "__main__":
    main()
