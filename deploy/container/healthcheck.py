"""Says by its exit status whether a URL answers 200: `healthcheck.py http://127.0.0.1:9090/…`.

For the image's health check, so that it needs no curl. 0 where the answer is 200, else 1 with one
line of what was found. An `https` URL is not verified: it is this container's own gateway on
loopback, under a certificate for another name. Waits up to 4 s, less than the 5 s that the
Containerfile gives it.
"""

from __future__ import annotations

import http.client
import ssl
import sys
from urllib.parse import urlsplit

WAIT_S = 4
OK = 200


def status_of(url: str) -> int:
    """Ask, and return the status. Raises OSError, ssl.SSLError or http.client.HTTPException."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        trusting = ssl.create_default_context()
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, parts.port, timeout=WAIT_S, context=trusting)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=WAIT_S)
    connection.request("GET", parts.path or "/", headers={"connection": "close"})
    return connection.getresponse().status


def main() -> int:
    """Return the exit status."""
    try:
        status = status_of(sys.argv[1])
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")  # noqa: T201 - the engine keeps it with the container's health
        return 1
    print(f"answered {status}")  # noqa: T201 - same
    return 0 if status == OK else 1


if __name__ == "__main__":
    sys.exit(main())
