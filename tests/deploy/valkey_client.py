"""A gateway's state as a process, in a pod's place on the network.

    python valkey_client.py URL CA     PASSWORD in the environment

Takes one again and again, and prints a line for each: how many were taken, or `away`. For a line on
standard input it says what it knows of evictions, and ends with the input.
"""

from __future__ import annotations

import os
import select
import sys

from sluicegate.errors import StateAway
from sluicegate.settings import StateTls
from support.counting import counting


def main() -> None:
    """Count until told to end."""
    url, ca = sys.argv[1:]
    settings = {
        "username": "gateway",
        "password": os.environ["PASSWORD"],
        "sentinel_username": "gateway",
        "sentinel_password": os.environ["PASSWORD"],
        "tls": StateTls(ca=ca),
    }
    with counting(url, **settings) as state:
        while True:
            if select.select([sys.stdin], [], [], 0.05)[0]:
                if not sys.stdin.readline():
                    return
                say(f"evicts {state.counted('sluicegate_state_evicts')}")
            try:
                say(str(state.taken()))
            except StateAway:
                say("away")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
