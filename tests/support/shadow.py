"""A gateway whose route copies its requests to a second service.

    with shadowed(tmp_path, echo, silent, max_body=10) as at:
        at.upstreams[0].requests, at.upstreams[1].requests, mirrored(at, "ok")

The first script is the service's, the second that of the copies; the options are those of `mirror`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sluicegate.clock import Clock
from support.front import Front, front
from support.upstreams import Script


@contextmanager
def shadowed(
    folder: Path,
    script: Script,
    shadow: Script,
    *,
    clock: Clock | None = None,
    policies: list[dict[str, Any]] | None = None,
    **options: Any,
) -> Iterator[Front]:
    """Run it; `policies` stand before the mirror on the route."""
    with front(folder, script, shadow, clock=clock) as at:
        up, other = at.upstreams
        uses = [*(policies or []), {"mirror": {"service": "shadow", **options}}]
        document = {
            "services": {"up": {"targets": [up.url]}, "shadow": {"targets": [other.url]}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up", "policies": uses}},
        }
        at.call(at.plane.apply(json.dumps(document)))
        yield at


def mirrored(at: Front, result: str) -> float:
    """Return how many requests the mirror has counted as `result`."""
    return at.do(
        lambda: at.plane.counted("sluicegate_mirrored_total", "route:all", "shadow", result)
    )


def settled(at: Front, result: str, count: int = 1) -> None:
    """Wait until the mirror has counted `count` requests as `result`, and no others."""

    def numbers() -> tuple[float, float]:
        counted = at.plane.counted
        family = "sluicegate_mirrored_total"
        return counted(family, result), counted(family, "shadow")

    at.wait(lambda: numbers() == (count, count), f"{count} of {result}")
