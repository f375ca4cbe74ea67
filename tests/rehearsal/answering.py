"""A program to test the rehearsal with: `python3 answering.py 8080` tells who answers what.

`/ready` is 503 where BROKEN is set. `/burn` uses a tenth of a second of CPU. On SIGTERM it ends at
once. A file named by GREETING is read anew for each answer.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BURN_S = 0.1


class Answering(BaseHTTPRequestHandler):
    """Answers GET and POST with its host name, a greeting, and the request's headers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        status = 200
        if self.path == "/ready" and os.environ.get("BROKEN"):
            status = 503
        if self.path == "/burn":
            began = time.thread_time()
            while time.thread_time() < began + BURN_S:
                pass
        if self.path == "/slow":
            time.sleep(1)
        greeting = Path(os.environ.get("GREETING", "/dev/null")).read_text().strip()
        lines = [socket.gethostname(), greeting, f"from {self.client_address[0]}"]
        lines += [f"{name.lower()}: {value}" for name, value in self.headers.items()]
        text = ("\n".join(lines) + "\n").encode()
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET  # noqa: N815 - http.server's name

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def main() -> None:
    """Serve on every address until SIGTERM."""
    server = ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Answering)
    if certificate := os.environ.get("CERTIFICATE"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{certificate}/tls.crt", f"{certificate}/tls.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
