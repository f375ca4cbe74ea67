"""Waits until every pod of the gateway runs this image's version and the old schema is not needed.

    rollout.py https://api-gateway-management:9090

The Service's name has the addresses of all pods, those too that are not ready or on their way out.
Each is asked for its version. Three times in a row all have to answer, and the same. It ends with 0
then, and never gives up by itself: the Job has a deadline. Any Python runs it; the version is what
the image's `sluicegate` says.
"""

import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
from urllib.parse import urlsplit

EVERY_S = 2
IN_A_ROW = 3
WAIT_S = 4


def version_at(scheme: str, address: str, port: int) -> str:
    """Return the version of the pod at an address, or why it is not known."""
    connection: http.client.HTTPConnection
    if scheme == "https":
        trusting = ssl.create_default_context()  # its name is a Service's; only a version is asked
        trusting.check_hostname = False
        trusting.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(address, port, timeout=WAIT_S, context=trusting)
    else:
        connection = http.client.HTTPConnection(address, port, timeout=WAIT_S)
    try:
        connection.request("GET", "/actuator/info")
        return str(json.loads(connection.getresponse().read())["version"])
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        return f"? ({type(error).__name__})"
    finally:
        connection.close()


def versions(url: str) -> dict[str, str]:
    """Return what each pod runs, by address; empty where the name has none."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror:
        return {}
    addresses = sorted({str(address[4][0]) for address in found})
    return {address: version_at(parts.scheme, address, port) for address in addresses}


def main(url: str) -> None:
    """Wait, and say what is found whenever it changes."""
    asked = ["sluicegate", "--version"]
    told = subprocess.run(asked, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    wanted = told.stdout.strip()
    said, agreed = None, 0
    while True:
        found = versions(url)
        if found != said:
            sys.stdout.write(f"waiting for {wanted} everywhere: {json.dumps(found)}\n")
            sys.stdout.flush()
            said = found
        agreed = agreed + 1 if found and set(found.values()) == {wanted} else 0
        if agreed == IN_A_ROW:
            return
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1])
