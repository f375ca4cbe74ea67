"""An HTTP client that sends exactly the bytes it is given and shows exactly what came back."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Answer:
    """One response. Header names are in lower case; `body` is without its framing."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    whole: bool = True
    """False: the connection ended before the body did."""

    def get(self, name: str) -> str | None:
        """Return the first value of header `name`."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def all(self, name: str) -> list[str]:
        """Return every value of header `name`."""
        return [value for key, value in self.headers if key == name.lower()]


class Connection:
    """A client connection in blocking mode. Bytes read and not yet used stay in `buffer`."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.buffer = b""

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self.sock.sendall(data)

    def request(self, data: bytes, *, head: bool = False) -> Answer:
        """Send `data` and read one final response (see `answer`)."""
        self.send(data)
        return self.answer(head=head)

    def receive(self) -> bool:
        """Read once into the buffer; False at the end of the stream or a reset."""
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            return False
        self.buffer += data
        return bool(data)

    def read_until(self, mark: bytes) -> bytes:
        """Return everything up to and with `mark`; raises EOFError when it never comes."""
        while mark not in self.buffer:
            if not self.receive():
                raise EOFError(f"the connection ended before {mark!r}; got {self.buffer!r}")
        found, _, self.buffer = self.buffer.partition(mark)
        return found + mark

    def read_exactly(self, count: int) -> bytes:
        """Return `count` bytes; raises EOFError when fewer come."""
        while len(self.buffer) < count:
            if not self.receive():
                raise EOFError(f"the connection ended {count - len(self.buffer)} bytes early")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_all(self) -> bytes:
        """Return everything until the connection ends, by close or reset."""
        while self.receive():
            continue
        data, self.buffer = self.buffer, b""
        return data

    def head(self) -> Answer:
        """Read one response head, an informational one too."""
        lines = self.read_until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
        version, status, *reason = lines[0].split(" ", 2)
        assert version in {"HTTP/1.1", "HTTP/1.0"}, lines[0]
        return Answer(int(status), reason[0] if reason else "", _fields(lines[1:]))

    def answer(self, *, head: bool = False) -> Answer:
        """Read one final response; informational ones before it are dropped.

        `head` says that the request was a HEAD. A body that is cut gives `whole = False`.
        """
        answer = self.head()
        while answer.status < 200 and answer.status != 101:
            answer = self.head()
        if head or answer.status in {101, 204, 304}:
            return answer
        try:
            if "chunked" in (answer.get("transfer-encoding") or ""):
                self._chunks(answer)
            elif (length := answer.get("content-length")) is not None:
                answer.body = self.read_exactly(int(length))
            else:
                answer.body = self.read_all()
        except EOFError:
            answer.whole = False
            answer.body += self.buffer
            self.buffer = b""
        return answer

    def chunk(self) -> bytes:
        """Read one chunk; empty for the last one (whose trailers are not read)."""
        size = int(self.read_until(b"\r\n").split(b";")[0], 16)
        if not size:
            return b""
        data = self.read_exactly(size)
        assert self.read_exactly(2) == b"\r\n"
        return data

    def _chunks(self, answer: Answer) -> None:
        while data := self.chunk():
            answer.body += data
        while line := self.read_until(b"\r\n")[:-2]:
            answer.trailers += _fields([line.decode("latin-1")])

    def closed(self) -> bool:
        """Say whether the other side has ended the connection (waits for it)."""
        return not self.buffer and not self.receive()

    def end_sending(self) -> None:
        """Half-close: the other side reads the end of the stream."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        reset_on_close(self.sock)
        self.sock.close()


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    pairs = (line.partition(":") for line in lines)
    return [(name.lower(), value.strip(" \t")) for name, _, value in pairs]


def reset_on_close(sock: socket.socket) -> None:
    """Make the socket's close send RST."""
    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@contextmanager
def connect(port: int, *, timeout_s: float = 10) -> Iterator[Connection]:
    """Open a connection to loopback `port`; reads and writes fail after `timeout_s`."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Connection(sock)


def ask(port: int, data: bytes, *, head: bool = False) -> Answer:
    """Send `data` on a connection of its own and return the one response."""
    with connect(port) as connection:
        return connection.request(data, head=head)


def get(port: int, target: str, *headers: str, host: str = "test.example") -> Answer:
    """Send a plain GET with `headers` as `Name: value` lines."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *headers, "", ""]
    return ask(port, "\r\n".join(lines).encode())
