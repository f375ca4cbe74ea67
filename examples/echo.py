"""An upstream to try things with: `python3 examples/echo.py 9000` answers with what reached it.

`/events` is a stream of server-sent events, and `/slow` takes a second.
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EVENTS = 3
PAUSE_S = 0.2
SLOW_S = 1.0


class Echo(BaseHTTPRequestHandler):
    """Answers every method."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_POST(self) -> None:
        """Say which port this is, and what came."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path.startswith("/slow"):
            time.sleep(SLOW_S)
        port = self.server.server_address[1]
        lines = [f"{self.command} {self.path} on {port}, {len(body)} bytes of body"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        text = ("\n".join(lines) + "\n").encode("latin-1")
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def do_GET(self) -> None:
        """Answer, with a stream where one is asked for."""
        if not self.path.startswith("/events"):
            self.do_POST()
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for number in range(EVENTS):
            self.wfile.write(b"data: %d\n\n" % number)
            time.sleep(PAUSE_S)

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
