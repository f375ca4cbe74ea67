"""What one process of a replica tells the others of a target."""

from __future__ import annotations

from typing import Literal

import msgspec


class News(msgspec.Struct, frozen=True, array_like=True):
    """Something that changes whether a target takes calls.

    `out`: a worker leaves it out for `seconds`, because its breaker opened (`open`) or it failed
    several times in a row (`ejected`); `unreachable` says that it could not be connected to.
    `back`: a probe found that it can be connected to again. `up`, `down`: the verdict of active
    checks.
    """

    service: str
    target: str
    event: Literal["out", "back", "up", "down"]
    cause: Literal["", "ejected", "open"] = ""
    seconds: float = 0.0
    unreachable: bool = False
