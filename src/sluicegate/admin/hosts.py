"""Under which host names the management port answers.

Pages in a browser can be made to ask a loopback port under a name of the attacker's (DNS
rebinding). So `Host` has to be an IP address, `localhost`, the name of this machine, or the host of
`management.listen`; every other name is refused with 403.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from sluicegate.settings import host_and_port

DETAIL: Final = "the management port does not answer under this host name"


class Hosts:
    """The names of one port."""

    def __init__(self, listen: str) -> None:
        """Take the `host:port` that the port listens on."""
        host, _ = host_and_port(listen)
        self._names = {"localhost", socket.gethostname().lower(), host.lower()} - {""}

    def allows(self, host: str) -> bool:
        """Say whether `host` (lower case, without port) may be asked for."""
        if host in self._names:
            return True
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return True
